// Package sidecar observes the JVMs of a PID namespace: a Sampler reads the
// facts of every container that runs one and attributes them, again and again
// while it is served, or once for a look in a terminal.
//
// One reading goes one way: cgroup and jvm give facts, sidecar/breakdown puts
// them into rows, sidecar/httpapi and sidecar/eventlog show the latest report.
// Showing never reads: a scrape costs the JVM nothing.
package sidecar
