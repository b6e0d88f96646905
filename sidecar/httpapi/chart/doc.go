// Package chart draws the rows of a container over time as an SVG, for pasting into
// an incident: stacked, against the limit, with title, verdict, legend and a time
// axis in UTC. It is a pure function of a history.
//
// It draws by hand. The Go libraries for charts bring font engines and a dozen
// modules (gonum/plot, go-analyze/charts) or write pages of JavaScript (go-echarts),
// and leave the patterns, the gaps where nothing is known and the legend with its
// numbers to us all the same. What is left is polygons and text.
//
// The SVG has no script, no style sheet and no reference to the outside, so that it
// looks the same in a wiki, a ticket and a mail.
package chart
