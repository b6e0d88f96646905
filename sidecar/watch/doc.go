// Package watch waits for what can't wait for the next sample: that memory rises
// towards the limit, that the kernel kills, that a JVM ends.
//
// The sampling loop calls Follow after each sample, with the JVMs it knows, and
// takes events in between:
//
//	Ended    a JVM ended: how, and what the counter of OOM kills said right then
//	Killed   the counter rose, and the JVMs live: another process was killed
//	Urgent   what cannot be reclaimed rises: sample now, it may be the last time
//
// # The end
//
// The kernel counts an OOM kill, the process ends some 15 ms later (the more
// memory it has to give back, the later), and the runtime removes the cgroup some
// 5 to 40 ms after that. So all descriptors are open before: a pidfd wakes a
// goroutine, which first reads the counter and only then looks at anything else.
// Where there is no pidfd the end is looked for ten times a second, and the
// counter is the one that was polled last.
//
// # The rise
//
// Usage is polled each 200 ms, one pread, or less often where there is more room than
// could be filled until then; memory.stat only when usage has changed, nears the
// limit (there reclaim hides what grows: usage stays, page cache goes), or after 5 s.
// The closer the limit by the present rate, the shorter the
// interval, down to 25 ms. On cgroup v2 the kernel also tells when the limit is hit.
// When it becomes urgent is written down beside the type pressure. Without a limit
// nothing is urgent.
//
// Nothing is written, and no signal is sent.
package watch
