// Package pod has the types with which tests use a container engine; packages docker and
// cri implement it.
//
// A pod is a container that holds the PID namespace, like the pause container of
// Kubernetes, and the containers that join it. All run with no_new_privs and use the
// network of the host.
package pod

// Options configure a pod.
type Options struct {
	// LimitBytes is the memory limit of the pod's cgroup, as kubelet sets it; 0
	// means none.
	LimitBytes int64
}

// Container configures a container of a pod.
type Container struct {
	Name, Image string
	// Command is the program and its arguments.
	Command []string
	// Env are NAME=value.
	Env []string
	// User is a numeric UID:GID.
	User string
	// Add and Drop are capabilities without CAP_, relative to the engine's default
	// set.
	Add, Drop []string
	// Writable makes the root file system writable.
	Writable bool
	Mounts   []Mount
	// LimitBytes is the memory limit, with swap; 0 means none.
	LimitBytes int64
}

// Mount makes a file or folder of the host visible in a container.
type Mount struct {
	Source, Target string
	ReadOnly       bool
}

// State is the state of a container.
type State struct {
	Running bool
	// ExitCode is 0 while it runs.
	ExitCode  int
	OOMKilled bool
}
