// Package kube connects to a cluster as kubectl does: kubeconfig, contexts, namespaces and
// users come from the same files, variables and flags.
package kube
