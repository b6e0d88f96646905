// Package watch reports what cannot wait for the next sample: memory that rises towards
// the limit, an OOM kill, the end of a JVM.
//
// The loop calls Follow after each sample, with the JVMs that it has found, and receives
// events in between:
//
//	Ended    a JVM ended: its exit status, and the counter of OOM kills at that time
//	Killed   the counter rose and the JVMs are alive: another process was killed
//	Urgent   unreclaimable memory rises: sample now, there may be no time for another one
//
// # The end of a JVM
//
// The kernel counts an OOM kill, the process ends some 15 ms later (later if it has more
// memory to release), and the runtime removes the cgroup 5 to 40 ms after that. So all
// files are opened in advance. A pidfd wakes a goroutine, which reads the counter before
// anything else. Without pidfd the end is polled ten times a second, and the counter is
// the one that was polled last.
//
// # Rising memory
//
// Usage is polled every 200 ms, by one pread, or less often if there is more room than can
// be filled until then. memory.stat is read only if usage has changed, or is near the limit
// (there reclaim hides growth: usage stays the same while page cache is reclaimed), or
// after 5 s. The interval is shorter the sooner the limit is reached at the present rate,
// down to 25 ms. On cgroup v2 the kernel also notifies when the limit is hit. The type
// pressure documents when a sample is urgent. Without a limit none is.
//
// Nothing is written, and no signal is sent.
package watch
