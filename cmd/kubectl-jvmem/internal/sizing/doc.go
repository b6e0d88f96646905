// Package sizing is the command sizing: what to set for the replicas of a workload. Their
// sidecars are asked through the API server's proxy. The largest need of all counts, and a
// replica that needs far more than the others is named.
package sizing
