// Package sample reads the containers that run a JVM, through cgroup and jvm, and
// attributes what was read with sidecar/breakdown: a Sampler returns one report of
// everything, Readings record the few numbers that are cheap between two of them, and a
// Throttle decides by the CPU time used which of the two to do.
//
// A source that fails is recorded in the report with a reason and a fix; the others are
// kept. Nothing is logged, and nothing is kept of a container that is gone.
package sample
