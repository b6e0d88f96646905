// Package apps measures jvmem's diagnosis beside real servers, from Debian and npm. Each
// runs in a memory cgroup of its own, with two sidecars: one with the default settings,
// and one that samples each second without a CPU limit. Go code sends requests at a rate
// that ramps up, holds, pauses and returns. A server runs clean, and with faults that leak
// for each request of one kind. The number of these requests is chosen so that the leak of
// a case reaches a limit near the end of -duration.
//
// There is one file for each server: how it is installed, started and used, and its cases.
// A library (Tomcat, Jetty, H2, Netty, Groovy, Jython) is served by a small Java program in testdata, all others
// run as they are packaged. A new one is added to the list in cases.
//
// `make bench-apps` runs them and prints a table: for each case and setting the time of the
// first right verdict, the number of changes, wrong accusations, and the error of the
// forecast at half time. Verdicts are printed and never fail the test, as they are what is
// measured. A case fails if its server does not start or does not answer, or if a sidecar
// exits. What must hold of verdicts is asserted for recordings of these servers, by
// sidecar/diagnosis: there it does not depend on how busy the machine is.
//
// The default settings need 7 minutes for a first verdict, so only a longer run measures
// them.
//
// It needs root, Linux and a JDK; the program -need installs the packages. Everything
// listens on the loopback address.
package apps
