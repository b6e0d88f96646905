// Package apps measures jvmem's diagnosis beside real servers: Tomcat, H2 and Groovy from
// Debian, started by small Java programs in testdata. Each runs in a memory cgroup of its
// own, with two sidecars: one with the default settings, and one that samples each second
// without a CPU limit. Go code sends requests at a rate that ramps up, holds, pauses and
// returns. Each server runs twice: clean, and with a fault that leaks for each request of
// one kind. The number of these requests is chosen so that the leak of a case reaches a
// limit near the end of -duration.
//
// `make bench-apps` runs it and prints a table: for each case and setting the time of the
// first right verdict, the number of changes, wrong accusations, and the error of the
// forecast at half time. Verdicts are printed and never fail the test, as they are what is
// measured. A case fails if its server does not start or does not answer.
//
// The default settings need 10 minutes for a first verdict, so only a longer run measures
// them.
//
// It needs root, Linux, a JDK and the Debian packages libtomcat10-embed-java, libjakarta-annotation-api-java, libh2-java
// and groovy. Everything listens on the loopback address.
package apps
