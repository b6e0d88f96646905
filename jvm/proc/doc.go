// Package proc reads what the kernel reports of processes in /proc. status, stat, task
// and mountinfo are readable by every user; maps needs ptrace read permission
// (PTRACE_MODE_READ: the process' own user, or CAP_SYS_PTRACE). A Handle waits for the
// end of a process by pidfd and returns how it ended. NonJVMs remembers processes that
// are not JVMs.
//
// Whether a process is sent SIGQUIT depends on this package. So a missing field, a
// value that cannot be parsed, a truncated line and a text beyond its bound are errors:
// none is taken for 0, above all not UID 0. The package sends no signals, and opens
// nothing below /proc/<pid>/root.
//
// Kernel documents: Documentation/filesystems/proc.rst; proc_pid_status(5),
// proc_pid_stat(5), proc_pid_maps(5), proc_pid_mountinfo(5), ptrace(2) ("Ptrace access
// mode checking").
//
//	Linux    what differs
//	4.1 +    status has NSpid
//	5.3 +    pidfd_open; before, the end is polled for
//	6.15 +   PIDFD_INFO_EXIT; before, the exit status is known until the process is
//	         reaped, and only with permission to trace it
package proc
