// Package chart tests charts/jvmem without a cluster, by the code that a cluster
// and its users run: Helm's own linter and engine, the API types of Kubernetes
// and of the Prometheus Operator (strictly: an unknown field is an error), the
// API server's own admission plugin for MutatingAdmissionPolicies with the CEL
// of the policy, its evaluation of Pod Security Standards, and Kustomize.
//
// testdata/render has values beside what they render, testdata/pods has pods
// beside what the policy makes of them; go test -update writes what is expected.
package chart
