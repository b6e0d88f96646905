// Package incidents keeps the incidents of the observed containers: it reports each change
// of state once, and writes them to a file that outlives a restart of jvmem. Package
// diagnosis decides on the states. An incident belongs to a JVM: after a restart of the JVM
// it is not carried over (diagnosis.Tracker compares the generations).
package incidents
