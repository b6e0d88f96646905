// Package history remembers how the memory of containers developed, within a
// fixed budget, and reads and writes the form that others judge and show
// (jvmem.history/v1).
//
// What is remembered of a container is a set of series, each a number at many
// times, named by the functions and constants of series.go. It is kept twice:
// the last samples as they were (fine), and steps of Retention / coarsePoints
// with the least, the greatest and the last value (coarse). Floors survive the
// downsampling that way, which is what a leak is judged by.
//
// With a folder, each coarse step is appended to a file there, a line of JSON
// each, when it is complete. Such a line is read back or it is not: a torn or
// damaged one loses itself only. Files are rotated and the oldest removed.
// That a disk is full or read-only is an error to tell, and nothing more.
package history
