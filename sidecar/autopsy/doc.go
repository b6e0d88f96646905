// Package autopsy explains why a JVM ended: killed by the kernel's OOM killer, exited on
// a Java OutOfMemoryError, terminated by a signal, or exited. It combines what was known
// before (the last breakdown, the history of the last minutes, the verdict) with what was
// observed at the end (the OOM counter, the exit status, the final counters in
// hsperfdata), and names the cause. The process is gone by then: Explain is a pure
// function.
//
// A Store keeps the latest autopsies, in a folder if it has one, so that they survive a
// restart of the JVM's container or of jvmem.
//
// # How an end is classified
//
//	oom_kill            the counter oom_kill rose; or, where the cgroup was removed before
//	                    the counter could be read, unreclaimable memory was at the limit
//	                    and no other exit status than SIGKILL is known
//	oom_kill_other      the counter rose, and the JVM is still running
//	java_out_of_memory  exit code 3 with -XX:+ExitOnOutOfMemoryError; if the exit code is
//	                    unknown: that flag and a full heap
//	signal              any other signal
//	exit                an exit code
//	ended               the exit status is unknown (Linux before 6.15)
//
// Exit codes: src/hotspot/share/utilities/debug.cpp (report_java_out_of_memory).
package autopsy
