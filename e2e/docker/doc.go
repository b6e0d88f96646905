// Package docker gives tests a Docker daemon of their own, and drives it by the
// docker command.
//
// The daemon keeps all it has in one folder below /var/tmp (on disk: a file in a
// tmpfs would be shared memory to the kernel), makes its containers' cgroups
// below one of its own, has no bridge, and touches no iptables rule: containers
// run with --network=none or --network=host. A Docker that already runs on this
// machine is left alone, and its configuration is not read.
//
// It is the first process of a PID namespace and of a mount namespace. So when
// it ends, in whatever way, the kernel ends every process of its and drops every
// mount; it is told to end when the process that started it is gone. What may be
// left after a kill (the folder, empty cgroups) is removed by the next Start.
//
// It needs root. Where dockerd is missing it is installed with apt-get, as all
// that the Makefile needs. It pulls and builds nothing: Import makes images of
// this machine's files.
package docker
