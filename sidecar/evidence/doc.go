// Package evidence collects evidence for a verdict from a JVM: the common stack of the
// threads of a pool that grows, the class loaders, the arenas of malloc, a class histogram.
//
// Each JVM is queried once in an incident, the time in which a container has a finding
// without a longer break: when the leak is confirmed, or when it is suspected if that costs
// the JVM little, and then again when it is confirmed, for the difference; if they are less
// than a minute apart, once more after five. A restarted JVM is queried again; a query that
// failed is repeated with a growing delay. The result is text for people, with the time it
// was collected.
//
// Where it is enabled, a confirmed leak is also recorded with JFR, once for each incident and
// JVM, to name the line of code that leaks; also before it is confirmed if its suspicion lasts.
//
// It sends only commands that stop a JVM for some milliseconds, unless the class histogram
// was enabled. The queries are those of package jvm/evidence.
package evidence
