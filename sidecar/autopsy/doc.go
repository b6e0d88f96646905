// Package autopsy says why a JVM ended: killed by the kernel for lack of memory,
// ended by itself on a Java OutOfMemoryError, by a signal, or in an ordinary way. It
// puts together what was known before (the last breakdown, the minutes before it,
// the verdict) with what was seen at the end (the OOM counter, the exit code, the
// last words in hsperfdata), and names the cause. Nothing can be read of the
// process any more: Perform is a pure function.
//
// A Store keeps the last autopsies, in a folder if there is one: they are
// there after the JVM's container, or jvmem itself, was restarted.
//
// # How the kinds are told apart
//
//	oom_kill            the counter oom_kill rose; or, where the cgroup was gone before
//	                    it could be read, what cannot be reclaimed was at the limit, and
//	                    nobody told of another end than SIGKILL
//	oom_kill_other      the counter rose, and the JVM lives
//	java_out_of_memory  exit code 3, with -XX:+ExitOnOutOfMemoryError; without a
//	                    known exit code: with that flag and a full heap
//	signal              any other signal
//	exit                an exit code
//	ended               nobody told how (Linux before 6.15)
//
// Exit codes: src/hotspot/share/utilities/debug.cpp (report_java_out_of_memory).
package autopsy
