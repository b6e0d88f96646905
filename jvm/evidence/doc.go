// Package evidence queries one JVM for evidence of a suspected leak: PoolStacks,
// ClassLoaders, NativeHeap, Histogram. Each is collected rarely,
// because all of them make the application wait.
//
//	evidence       command                 cost for the application
//	PoolStacks     Thread.print            two or three safepoints; refused above 1000 threads
//	ClassLoaders   VM.classloader_stats    one safepoint
//	NativeHeap     System.native_heap_info each malloc arena is locked for a moment (JDK 21 and newer)
//	Histogram      GC.class_histogram      THE APPLICATION STOPS while every object is visited
//	StartRecording JFR.start, .dump, .stop 12 to 31 MiB of memory for good, a second of CPU time the first time
//	DumpHeap       GC.heap_dump            THE APPLICATION STOPS until the dump is read
//
// A JVM must have been queried before (jvm.Process.Query), which finds out whether it
// allows attach at all. A call ends with its context, and after 5 s in any case
// (Histogram: 30 s). The errors are jvm.ErrGone, or an *attach.Error whose Reason and Fix
// are for users. A reply that was truncated at 8 MiB is used as
// far as it was read.
package evidence
