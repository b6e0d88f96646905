// Package compare puts the memory of JVMs side by side: replica against replica, or the
// pods of one revision against those of another, before and after a deploy.
//
// A number that differs between two groups of pods is a difference only where the ranges
// of the groups do not overlap: replicas differ too. JVMs fill their memory with time, so
// a different uptime is always named, and the history can be used to compare them at the
// same one.
package compare
