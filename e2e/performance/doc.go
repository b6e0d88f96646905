// Package performance measures what jvmem costs, and what it does to the JVM that it
// looks at, and writes docs/performance.md. Nothing is asserted about time, but by
// TestSoak, which fails where something grows.
//
//	TestLooks      make bench    one look, beside jcmd, jattach and a shell script
//	TestCommands   make bench    each diagnostic command: pause, time, memory
//	TestCaptures   make bench    what Go's benchmarks printed
//	TestStalls     make stalls   how long an application stalls, with jvmem and without
//	TestSoak       make soak     a day of samples, with JVMs that come and go
//	TestFootprint  make soak     at the defaults, with a day of history
//	TestBinary     make soak     what is in the binary, and what it does at its start
//
// They run as the first process of a PID namespace (go test -exec unshare ...), as
// in a pod: jvmem sees the JVMs of the test and no others, and nothing outlives it.
package performance
