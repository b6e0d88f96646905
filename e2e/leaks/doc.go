// Package leaks shows what jvmem's diagnosis is worth: real JVMs leak at an
// accelerated rate until they are killed, others only look as if they did, and
// the binary watches each of them as a black box. `make bench-diagnosis` runs it,
// some 25 minutes, and prints two tables: what was said of the leaks, how soon,
// and how far the forecast was off at half of the time to the end; and whether a
// look-alike was accused.
//
// A case is a JVM in a memory cgroup of its own (jvmtest) that is told to grow by
// the clock, and one jvmem that sees no processes but those of that cgroup: a
// folder with links to /proc takes the place of /proc, as some cases run side by
// side in one PID namespace.
//
// A case that did not do what it is there for fails: a leak that did not end its
// JVM, a command that the JVM refused. So does a wrong verdict at the end of a
// leak, and any accusation of a look-alike. Times and forecasts are only printed,
// as they depend on the machine.
//
// Needs root, Linux, a JDK and gcc. The answers are decoded with types of this
// package, made from the contract and not from the product's.
package leaks
