// Package ranges determines what each address range of a HotSpot process is used for, and
// which source reports it. It reads nothing: the readers (jvm/nmt, jvm/dcmd,
// jvm/vmstructs, jvm/malloc, jvm/pages) provide ranges and mappings.
//
// Merge combines ranges without overlaps. Reported.Map adds to the reported ranges what
// only the mappings show, in this order, as each step rules out memory for the next:
//
//	what             how it is recognized
//	malloc arenas    by their headers (jvm/malloc)
//	thread stacks    by the kernel's mark, by guard regions, or by the guard below
//	metaspace        by addresses of class metadata, where no source reports its ranges
//	malloc chunks    by their headers (jvm/malloc)
//
// What is left is Unknown. Files classifies mapped files.
package ranges
