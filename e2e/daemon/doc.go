// Package daemon runs the daemon of a container engine for tests. It shares nothing with a
// daemon that already runs on this machine, and removes everything it created.
//
// All its files are in one folder below /var/tmp (on disk, as files in a tmpfs are charged
// as shared memory), and the cgroups of its containers are below one with the same name.
//
// The daemon is the first process of a PID namespace and of a mount namespace. When it
// exits for any reason, the kernel ends all its processes and removes its mounts; it
// receives a signal when the process that started it exits. A daemon that talks to systemd
// cannot have a PID namespace, as systemd needs PIDs: it runs in a slice instead. What
// remains after a kill (the folder, empty cgroups, processes in a slice) is removed by the
// next New.
//
// It needs root.
package daemon
