// Package report writes what was measured into a document, and has the statistics
// and the description of the machine that belong to it.
//
// A run writes only its own sections. Each is between two lines, which stay:
//
//	<!-- name: written by make target -->
//	<!-- /name -->
package report
