// Package report has the commands that ask jvmem in one pod: breakdown, diagnose, oom and
// page. They print the text of jvmem itself, and decode only the few fields that they need.
//
// The sidecar is reached through a forwarded port. That needs the permission
// pods/portforward, which is less than pods/exec (a shell in the application), works with
// TLS and a password, which the API server's pods/proxy drops, and also if a NetworkPolicy
// protects the pod or the sidecar listens on the loopback address only. In a pod without a
// sidecar an ephemeral container is the sidecar for some minutes.
package report
