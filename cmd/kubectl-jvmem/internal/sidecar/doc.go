// Package sidecar finds jvmem in a pod: the sidecar, native or an ordinary container, and
// ephemeral containers that this plugin added.
package sidecar
