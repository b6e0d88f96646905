// Package performance measures what jvmem costs and how it affects the observed JVM, and
// writes docs/performance.md. No test asserts a time; TestSoak fails if jvmem grows.
//
//	TestSamples    make bench         one sample, compared with jcmd, jattach and a shell script
//	TestCommands   make bench         each diagnostic command: stop, time, memory
//	TestCaptures   make bench         the output of Go's benchmarks
//	TestServed     make bench-served  samples as served, beside small and large heaps
//	TestMany       make bench-served  beside many JVMs, processes and mappings
//	TestDay        make bench-served  what a day costs the JVM
//	TestStalls     make stalls        stalls of an application with and without jvmem
//	TestSoak       make soak          a day's worth of samples while JVMs start and stop
//	TestFootprint  make soak          default flags and a day of history
//	TestBinary     make soak          the parts of the binary and its initialization
//
// The tests run as the first process of a PID namespace (go test -exec unshare ...), as
// in a pod: jvmem sees only the JVMs of the test, and no process outlives it.
package performance
