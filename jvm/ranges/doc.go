// Package ranges names address ranges of a HotSpot process by what HotSpot
// uses them for. It reads nothing: the readers (jvm/nmt, jvm/dcmd,
// jvm/vmstructs, jvm/malloc, jvm/pages) produce ranges, and Merge puts them
// into one map without overlaps.
package ranges
