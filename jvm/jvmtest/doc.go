// Package jvmtest gives tests and benchmarks a real JVM whose memory grows on
// command, and a fake one to talk to, in the manner of net/http/httptest. No
// product package imports it.
//
// Start runs Workload.java (in this folder, compiled with the javac that
// belongs to the JVM) as the only process of a memory cgroup of its own, so
// that every page it touches is charged there, and what the kernel charges
// there is its alone. Where no memory cgroup can be made the test fails: it
// would measure the host otherwise.
//
// # Commands of the workload
//
// One a line on its standard input; sizes in MiB unless said otherwise. The
// reply comes when the growth is complete and holds key=value numbers
// (Numbers parses them).
//
//	heap N               arrays of up to 16 MiB, kept; answers heap_used_bytes
//	heapfree             drops them and collects
//	gc                   System.gc
//	classes N            N classes, each with a loader of its own; answers the pools before and after
//	bigclasses N         N classes of about 330 KiB of metaspace each; answers the pools before and after
//	classfree            drops both and collects
//	threads N KIB [NAME] N sleeping threads NAME-i that each used KIB of stack; answers depth_bytes, the sum
//	threadfree           ends all of them
//	direct N             direct buffers of 1 MiB, touched
//	directfree           drops them; answers when the JVM has freed them
//	unsafe N [BYTES]     Unsafe.allocateMemory in chunks of BYTES (1 MiB), touched
//	unsafefree           frees them
//	mapfile PATH N       a new sparse file, mapped shared, each page written
//	mapprivate PATH N    a file (made when missing), mapped private, each page written
//	shmfile PATH N       writes a file, meant for one below /dev/shm
//	pagecache PATH N     writes a file, syncs it and reads it; nothing is mapped
//	child N              a child process (tail) that holds N of anonymous memory
//	childfree            kills all of them
//	exit                 ends the JVM, without a reply: Send it
//
// What a command does beyond its amount:
//
//   - heap: exact with G1, ZGC and Shenandoah. Serial and Parallel may put an
//     array into eden first: once copied, eden's pages stay resident too.
//   - threads: depth_bytes is how far the stack pointers went down. More is
//     resident: the pages below that the JVM probed (HotSpot's shadow zone)
//     and what a thread uses before its first Java frame, about 90 KiB a
//     thread on x86-64, besides its malloc and kernel memory.
//   - classes: a class is about 3 KiB of metaspace used and 6 KiB committed;
//     the malloc of its loader's data comes with it.
//   - mapprivate: a private page that is written is copied from the page
//     cache first, so a new file adds N to the page cache as well as N
//     anonymous.
//   - child: the pipe to it, and a thread of the JVM that waits for its end.
//
// Needs a JDK 8 or newer, and GNU tail. The stack pointer comes from
// /proc/thread-self/syscall, so Linux on any architecture that has it.
//
// # Sources
//
// Kernel: Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst
// (no processes in inner cgroups), proc_pid_cgroup(5), proc_pid_mountinfo(5).
//
//	cgroup   limit                                               entered by
//	v1       memory.limit_in_bytes, memory.memsw.limit_in_bytes  sh, which writes cgroup.procs and becomes java
//	v2       memory.max, memory.swap.max                         clone3 with CLONE_INTO_CGROUP
package jvmtest
