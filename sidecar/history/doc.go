// Package history keeps how the memory of containers developed, within a fixed budget,
// and reads and writes it as JSON (jvmem.history/v1).
//
// The history of a container is a set of series, each a number at many times, named by
// the functions and constants of series.go. It is kept twice: the latest samples unchanged
// (fine), and steps of Retention / coarsePoints with the minimum, the maximum and
// the last value of each (coarse). Minimums survive downsampling that way: they show a
// leak.
//
// With a folder, each coarse step is appended to a file there when it is complete, as a
// line of JSON. A torn or damaged line loses only itself. Files are rotated and the
// oldest removed. A full or read-only disk is reported as an error; the history continues
// in memory.
package history
