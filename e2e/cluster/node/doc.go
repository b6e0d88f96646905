// Package node runs a Kubernetes cluster of one node on this machine: etcd, API server,
// controller manager, scheduler, kubelet and containerd, without a registry.
//
// All of it is in mount, network, PID and UTS namespaces of its own, whose first process is
// containerd, and in one folder and one cgroup: see package daemon. When the process that
// started it ends, for any reason, the kernel ends all of it; the next start removes the
// folder and the cgroup if they are left.
//
// The programs of Kubernetes and Helm are built from the Go module proxy, with the versions
// in ../binaries/go.mod, and kept on this machine; etcd, the CNI plugins and busybox come
// from Debian packages, which are unpacked there and not installed. On two idle cores this
// takes 8 minutes. Images are imported as an archive. A kit has all of this, for a machine that
// cannot build it.
//
// What the cluster does not have: Services (no kube-proxy), DNS, a way out of its network.
// It needs root.
package node
