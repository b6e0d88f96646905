// Package sidecar is the loop of jvmem: it takes samples, adds them to the history,
// diagnoses them, and explains the end of a JVM. Serve runs it beside the HTTP server.
//
// Data flows one way. sidecar/sample reads the containers and attributes their memory,
// sidecar/history keeps it, sidecar/diagnosis judges it, sidecar/evidence queries the
// JVM for evidence of a verdict, sidecar/watch reports what cannot wait for the next sample, and
// sidecar/autopsy explains it. sidecar/httpapi and sidecar/eventlog show the results. They
// read only memory, so a scrape costs the JVM nothing.
package sidecar
