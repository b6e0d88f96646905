// Package cluster tests the sidecar in a real Kubernetes, as users install it: package node
// runs the cluster, ./app is the JVM. Each subtest has its own namespace and pods; they share
// one installation of the chart.
//
// They run on this machine, whichever version of cgroups it has, and with ./guest in a guest that
// has v2.
//
// To work on a test, leave a cluster running and run single tests in it:
//
//	go run ./cluster/run
//	go test ./cluster -run TestCluster/.*/debug -args -folder /var/tmp/jvmem-e2e-...
package cluster
