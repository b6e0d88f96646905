// Package chart draws the rows of a container over time as an SVG, for pasting into
// an incident: stacked, against the limit, with title, verdict, legend and a time
// axis in UTC. It is a pure function of a history.
//
// It draws by itself, with text/template's cousins left out too: the Go libraries
// for charts that are kept draw pixels through font engines (gonum/plot, go-analyze
// with freetype) or write pages of JavaScript (go-echarts), and none stacks areas
// with gaps where nothing is known. What is left is polygons.
//
// The SVG has no script, no style sheet and no reference to the outside, so that it
// looks the same in a wiki, a ticket and a mail.
package chart
