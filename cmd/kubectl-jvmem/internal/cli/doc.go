// Package cli is the command line of the plugin: the root command, the commands below it
// and the exit codes. Each command is built by a package of its own, which gets the
// connection to the cluster as a kube.Access.
package cli
