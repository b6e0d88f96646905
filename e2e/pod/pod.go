// Package pod says what the tests ask of a container engine: packages docker
// and cri both do it.
//
// A pod is a container that holds the PID namespace, as the pause container of
// Kubernetes does, and the containers that join it. All run without new
// privileges and with the network of the host.
package pod

// Options say how a pod runs.
type Options struct {
	// LimitBytes is the memory limit of the pod's own cgroup, as kubelet sets
	// it; 0 means none.
	LimitBytes int64
}

// Container says how a container of a pod runs.
type Container struct {
	Name, Image string
	// Command is the program and its arguments.
	Command []string
	// Env are NAME=value.
	Env []string
	// User is a numeric UID:GID.
	User string
	// Add and Drop are capabilities, without CAP_; without any the container
	// has the engine's default set.
	Add, Drop []string
	// Writable is said of the root file system.
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

// State is what an engine tells of a container.
type State struct {
	Running bool
	// ExitCode is 0 while it runs.
	ExitCode  int
	OOMKilled bool
}
