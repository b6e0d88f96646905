// Package prometheus runs Prometheus with jvmem as its target: promtool checks the metrics
// and the rules of the chart, an alert fires for a JVM that leaks and another after its OOM
// kill, and each query of the dashboard returns data. `make e2e-prometheus` runs it.
//
// It needs root, a JDK, prometheus and promtool; it fails if one is missing.
package prometheus
