// Package fleet asks the sidecars of many pods at once, through the API server's pod proxy
// (pods/proxy), so that no port of a pod has to be reachable.
//
// What cannot be asked is a Problem with its reason and what to do; it never fails the
// others. Every reply is limited in size and time: a pod can hold any program.
//
// The types of the replies are those parts of jvmem.breakdown/v1, jvmem.diagnosis/v1 and
// jvmem.history/v1 (docs/reference.md) that the plugin shows. They are written down again
// here, because the sidecar's own packages compile on Linux only.
package fleet
