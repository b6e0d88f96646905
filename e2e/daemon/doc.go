// Package daemon runs the daemon of a container engine for tests, so that it
// shares nothing with one that already runs on this machine, and that nothing of
// it stays.
//
// All it has is in one folder below /var/tmp (on disk: a file in a tmpfs would be
// shared memory to the kernel), and its containers' cgroups are below one of that
// name.
//
// It is the first process of a PID namespace and of a mount namespace. So when
// it ends, in whatever way, the kernel ends every process of its and drops every
// mount; it is told to end when the process that started it is gone. Only what
// speaks to systemd cannot have a PID namespace, as systemd is told PIDs: it runs
// in a slice instead. What may be left after a kill (the folder, empty cgroups,
// what runs in a slice) is removed by the next New.
//
// Root only.
package daemon
