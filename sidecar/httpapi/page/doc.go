// Package page serves the page at /: the content of /breakdown, /diagnosis, /history and
// /oom, for people. The browser makes it from the JSON of these documents. The server only
// serves the files in the folder static, which are embedded in the binary, and a script
// that it generates. They need no build step and no other server:
//
//	page.html, page.css  the static frame
//	tables.js            generated: rows with titles and colours, states, names of series
//	page.js              fetches the documents every few seconds and shows them
//	history.js           keeps the history and fetches new steps only
//	stack.js             the rows over time, stacked, with the limit and the forecast up to it
//	curves.js            small curves: parts of native memory, old generation, classes, threads
//	table.js, parts.js   values at a time; numbers of dashboards, owners of native memory, budget,
//	                     autopsies, sources
//	verdict.js, incidents.js  the verdict; incidents with their course
//	threads.js           threads by pool
//	words.js, rows.js    formats of sizes and times; patterns of rows
//	uplot.js, uplot.css  uPlot 1.6.32 from its npm package (dist/uPlot.iife.min.js,
//	                     uPlot.min.css), MIT, see uplot.LICENSE: draws on a canvas
//
// Names that come from the container (threads, commands) are inserted as text only, and
// the Content-Security-Policy forbids scripts other than these files. The colours are those
// of Okabe and Ito (https://jfly.uni-koeln.de/color/), which colour-blind people can
// distinguish; patterns and order work without colour.
package page
