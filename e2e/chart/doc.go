// Package chart tests charts/jvmem without a cluster, with the code that clusters and users
// run: the linter and engine of Helm, the API types of Kubernetes and of the Prometheus
// Operator (strictly: an unknown field is an error), the API server's admission plugin for
// MutatingAdmissionPolicies with the CEL of the policy, its evaluation of Pod Security
// Standards, and Kustomize.
//
// testdata/render has values and the objects rendered from them, testdata/pods has pods and
// the pods that the policy creates from them; go test -update writes the expected files.
package chart
