// Package proc reads what the kernel tells of a process in /proc/<pid>: status
// and stat, which anybody may read, and maps, which needs the right to trace
// the process (PTRACE_MODE_READ: its own user, or CAP_SYS_PTRACE). A Handle waits
// for the end of a process by pidfd, and tells how it ended.
//
// Whether SIGQUIT is sent, and to whom, rests on this. So a field that is
// missing, a value that is not understood, a line that is cut and a text beyond
// its bound are errors: nothing is taken for 0, and UID 0 least of all. The
// package signals nothing, and opens nothing below /proc/<pid>/root.
//
// Kernel documents: Documentation/filesystems/proc.rst; proc_pid_status(5),
// proc_pid_stat(5), proc_pid_maps(5), ptrace(2) ("Ptrace access mode checking").
//
//	Linux    what differs
//	4.1 +    status has NSpid
//	5.3 +    pidfd_open; before, the end is polled for
//	6.15 +   PIDFD_INFO_EXIT; before, how it ended is told until it is reaped, and
//	         only to who may trace it
package proc
