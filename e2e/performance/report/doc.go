// Package report writes measurements into a document. It has the statistics, the tables
// and the description of the machine for that.
//
// A run replaces only its own sections. Each is enclosed by two marks, which stay:
//
//	<!-- name: written by make target -->
//	<!-- /name -->
package report
