// Package threads reads the names of a process' threads (/proc/<pid>/task/*/comm) and
// groups them into pools; and the CPU time of some of them (stat): of the largest pool, and of those that
// collect garbage. It needs no permission and does not stop the process.
//
// The kernel keeps 15 bytes of a name (TASK_COMM_LEN). The whole name of a thread is kept
// here once the caller has it (Reader.Cut, Reader.Name):
//
//	JDK      "pool-1-thread-123"
//	to 25    "pool-1-thread-1": the end is missing
//	from 26  "pool-1-..ad-123": HotSpot abbreviates the middle
//
// Sources: Documentation/filesystems/proc.rst (comm, stat); OpenJDK
// src/hotspot/os/linux/os_linux.cpp (os::set_native_thread_name).
package threads
