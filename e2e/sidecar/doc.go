// Package sidecar starts jvmem for the end-to-end tests, waits for it and queries it.
//
//	Start     runs the binary on this machine; a test can stop and restart it
//	Client    queries any jvmem by its address: one that Start runs, or one in a container
//
// Responses are decoded into types of this package, written from the contract in
// docs/reference.md and not shared with the product: a field that the product renames is
// missing here. Only fields that a test reads are declared, except for the breakdown,
// whose contract ParseBreakdown checks in full.
package sidecar
