// Package evidence asks a JVM for what supports a verdict: the common stack of the threads
// of a pool that grows, the class loaders, the arenas of malloc, a class histogram.
//
// Each JVM is asked once in an incident, the time in which a container has a finding
// without a longer break. A restarted JVM is asked again; a query that failed is repeated
// with a growing delay. The answers are lines for people with the time they were gathered.
//
// It asks only what stops a JVM for some milliseconds, unless the class histogram was
// enabled. The queries are those of package jvm.
package evidence
