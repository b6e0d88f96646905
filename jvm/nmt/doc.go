// Package nmt parses the replies of a HotSpot JVM to the diagnostic commands
// "VM.native_memory summary" and "VM.native_memory detail": what HotSpot itself
// allocated, by category, and for detail the address ranges that it reserved.
//
// It sends nothing and reads no file: Parse takes the text of one reply. It returns an
// error for replies to other commands, for a JVM without native memory tracking
// (ErrDisabled) and for one that does not know the scale (ErrScale): HotSpot replies with
// code 0 to both, so the text decides. Differences ("summary.diff") are not supported.
//
// Categories differ by version, and those of size 0 are not printed; their names are
// therefore not checked. A line that cannot be parsed is skipped.
//
// # What the numbers include
//
// A category's committed is its malloc + arena + mmap committed + stack committed +
// tracking overhead; the categories add up to the total, except that each number is
// rounded down to the scale. Committed is memory that HotSpot may touch; it need not be resident.
// "Arena Chunk" is the free part of the arenas' chunks: it does not overlap the arenas of
// other categories.
//
// The rows "(  Metadata: )" and "(  Class space:)" below category Class repeat
// what is counted elsewhere (as "Metaspace" from JDK 17 on, in Class before);
// they are skipped.
//
// # What differs by version
//
// Tried with JDK 8, 11, 17, 21, 25, 26, 27 and 28:
//
//	JDK       what
//	8         "scale=B" is answered with "Incorrect scale value: B"
//	8         "(thread #31)"; "Thread" counts whole stacks as committed
//	8, 11     no total of malloc: MallocBytes is added up (malloc, arena, overhead)
//	8, 11     metaspace is part of "Class"; so are its ranges
//	11-25     stacks' committed includes guard pages (16 KiB a thread)
//	17 on     "Omitting categories weighting less than 1KB" and totals of malloc and mmap
//	17 on     "(at peak)", "(peak=61KB #200)" behind a number; "mmap: ..., at peak" from 21 on
//	21 on     "(threads #31)"; "readonly=0KB" behind the header of "Shared class space"
//	25 on     "malloc=61KB tag=Class #581"; adjacent stacks may be one range
//	26-28     stacks' committed is far too low (9 MB reported, 37 MB resident)
//
// Sources: OpenJDK src/hotspot/share/nmt (before JDK 22 services): memReporter.cpp,
// memTag.hpp (memflags), nmtDCmd.cpp, mallocTracker.hpp.
package nmt
