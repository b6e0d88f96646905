// Package region names address ranges of a HotSpot process by what HotSpot
// uses them for. It reads nothing: the readers (jvm/nmt, jvm/dcmd,
// jvm/vmstructs, jvm/glibc, jvm/smaps) produce ranges, and Merge puts them
// into one map without overlaps.
package region
