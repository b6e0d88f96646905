// Package leaks measures the quality of jvmem's diagnosis. Real JVMs leak at an accelerated
// rate until they are killed, others grow without a leak, and jvmem runs next to each of
// them. `make bench-diagnosis` runs it in about 25 minutes and prints two tables: for each
// leak the verdict, the time to it, and the error of the forecast at half of the time to
// the end; for each look-alike whether jvmem accused it.
//
// A case is a JVM in a memory cgroup of its own (jvmtest), which grows by the clock, and a
// jvmem that sees only the processes of that cgroup, as several cases run concurrently in
// one PID namespace.
//
// A case fails if it does not do what it is meant to: a leak that does not end its JVM, a
// command that the JVM rejects. It also fails if the verdict at the end of a leak is wrong
// or a look-alike is accused. Times and forecasts are only printed, as they depend on the
// machine.
//
// `make bench-slow` runs the same leaks at 1 to 6 MiB a minute for 20 minutes, under load that
// changes, with two sidecars beside each JVM. A leak that is not named by then fails.
//
// It needs root, Linux, a JDK and gcc.
package leaks
