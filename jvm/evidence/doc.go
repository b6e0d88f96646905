// Package evidence asks one JVM for what supports a suspicion: PoolStack, ClassLoaders,
// NativeHeap, Histogram. Each is asked for once, when something is first suspected, as
// all of them make the application wait.
//
//	evidence       command                 cost for the application
//	PoolStack      Thread.print            two or three safepoints; refused above 1000 threads
//	ClassLoaders   VM.classloader_stats    one safepoint
//	NativeHeap     System.native_heap_info each malloc arena is locked for a moment (JDK 21 and newer)
//	Histogram      GC.class_histogram      THE APPLICATION STOPS while every object is visited
//
// A JVM must have been queried before (jvm.Process.Query), which finds out whether it
// allows attach at all. A call ends with its context, and after 5 s in any case
// (Histogram: 30 s). The errors are jvm.ErrGone, or an *attach.Error whose Reason and Fix
// are for users. A reply that was cut, at 8 MiB, gives what it contains.
package evidence
