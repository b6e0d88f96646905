// Package docker gives tests a Docker daemon of their own (package daemon), and
// drives it by the docker command.
//
// It has no bridge, and touches no iptables rule: containers run with
// --network=none or --network=host. A Docker that already runs on this machine
// is left alone, and its configuration is not read.
//
// It needs root. Where dockerd is missing it is installed with apt-get, as all
// that the Makefile needs. It pulls and builds nothing: Import makes images of
// this machine's files.
package docker
