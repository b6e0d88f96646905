// Package cri runs a containerd for tests (package daemon) and drives it through the
// Container Runtime Interface (CRI) as kubelet does: a pod has a cgroup that kubelet
// creates, with its memory limit, a sandbox with a pause container that holds the PID
// namespace, and containers that join it.
//
// Everything uses the network of the host, so no CNI plugin is needed. Import creates the
// image of the pause container, like the others: nothing is pulled.
//
// It works with containerd 1.6 and newer, on cgroup v1 and v2, and with both cgroup drivers
// of kubelet. Only the paths that kubelet sets are below a cgroup of the daemon, as with
// kubelet's --cgroup-root.
//
// It needs root. If containerd is missing it is installed with apt-get.
//
//	CRI         https://github.com/kubernetes/cri-api
//	containerd  https://github.com/containerd/containerd/blob/main/docs/cri/config.md
//	kubelet     https://github.com/kubernetes/kubernetes/tree/master/pkg/kubelet/cm,
//	            pkg/kubelet/kuberuntime
package cri
