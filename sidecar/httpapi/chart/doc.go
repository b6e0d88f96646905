// Package chart draws the rows of a container over time as an SVG for incident reports:
// stacked, with the limit, title, verdict, legend and a time axis in UTC. It is a pure
// function of a history.
//
// It has no dependencies. The Go libraries for charts bring font engines and a dozen
// modules (gonum/plot, go-analyze/charts) or generate JavaScript (go-echarts), and would
// leave patterns, gaps and the legend to us anyway. The rest is polygons and text.
//
// The SVG has no script, no style sheet and no external references, so it looks the same
// in a wiki, a ticket and a mail.
package chart
