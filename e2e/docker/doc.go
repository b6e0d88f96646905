// Package docker runs a Docker daemon for tests (package daemon) and drives it with the
// docker command.
//
// The daemon has no bridge and changes no iptables rules: containers use --network=none or
// --network=host. A Docker daemon that already runs on this machine is not affected, and
// its configuration is not read.
//
// It needs root. If dockerd is missing it is installed with apt-get. Nothing is pulled or
// built: Import creates images from files of this machine.
package docker
