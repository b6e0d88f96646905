// Package page is the page at /: what /breakdown, /diagnosis, /history and /oom
// tell, for a person. It is made in the browser, from the JSON of these; the
// server only hands out the files in the folder static, which are part of the
// binary. They need no build and nothing from elsewhere:
//
//	page.html, page.css  what is there before any data is
//	page.js              asks, each few seconds, and hands on what is told
//	history.js           keeps what /history told, and asks for what is new only
//	stack.js             the rows over time, stacked, against the limit
//	table.js, parts.js   the numbers of a moment; verdict, threads, ends, and so on
//	words.js, rows.js    how sizes and times are written; names, colours, patterns
//	uplot.js, uplot.css  uPlot 1.6.32 as its package on npm has it (dist/uPlot.iife.min.js,
//	                     uPlot.min.css), MIT, see uplot.LICENSE: draws on a canvas
//
// Names that a container gives itself (threads, commands) reach the page as text
// only, and the Content-Security-Policy leaves no way to run what is not in these
// files. Colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), which
// eyes of every kind tell apart; patterns and the order do without colour.
package page
