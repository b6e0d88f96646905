// Package prometheus runs a real Prometheus against a real sidecar: promtool checks
// the metrics and the rules of the chart, an alert fires for a JVM that leaks, another
// one when the kernel kills it, and each query of the dashboard returns data.
// `make e2e-prometheus` calls it.
//
// Needs root, a JDK, prometheus and promtool; what is missing fails the tests.
package prometheus
