// Package jvmtest provides a real JVM whose memory grows on command, and a fake one for
// attach clients, similar to net/http/httptest. No product package imports it.
//
// Start runs the workload (the Java sources in the folder workload, compiled with the
// javac of the JVM's JDK) as the only process of its own memory cgroup, so that every
// page it touches is charged there, and nothing else is. If no memory cgroup can be
// created the test fails: it would measure the host.
//
// Build compiles the same for other places, such as containers. With gcc it also
// compiles libworkload.so, which the workload loads with -Djvmem.library=PATH, and
// launcher, which runs it in a process that is not called java ("launcher LIBJVM
// OPTION... Workload", on its first thread).
//
// # Commands of the workload
//
// One per line on its standard input; sizes are in MiB unless noted. The reply comes when
// the growth is complete and contains key=value numbers (Numbers parses them). Those
// that begin with before_ and after_ are of the command itself. A repeated command adds
// to what there is.
//
//	heap N               arrays of up to 16 MiB, kept
//	heapfree             drops them and collects
//	refs N               nodes of 1 MiB, each with references to all others
//	refsfree             drops them and collects
//	gc                   System.gc
//	churn RATE [LIVE]    from now on allocates RATE a second of small objects, the newest LIVE (0) of them reachable
//	objects N            small objects, kept in a list
//	objectsfree          drops them
//	threadlocals N       the same in a ThreadLocal of 8 threads worker-i, which keep running
//	classes N            N classes, each with a loader of its own
//	bigclasses N         N classes of about 400 KiB of metaspace each
//	classrun N           calls the methods of the next N of classes 300 times
//	classdrop N          drops the oldest N of both
//	classfree            drops all and collects
//	symbols N            N thousand symbols of 32 letters, in N classes
//	symbolsfree          drops the classes and collects
//	strings N            N thousand interned strings of 34 letters
//	stringsfree          drops them and collects
//	jit N                about N of compiled code: N classes, their methods called until all are compiled
//	jitload N            only defines the classes
//	jitrun N             calls the methods of N classes that were only defined
//	jitfree              drops the classes and collects
//	threads N KIB [NAME] N sleeping threads NAME-i that each used KIB of stack; answers depth_bytes, the sum
//	threadfree           ends all of them
//	vthreads N KIB       N parked virtual threads with KIB (less than -Xss) of stack each (JDK 21 and newer)
//	vthreadsfree         ends them and collects
//	direct N             direct buffers of 1 MiB, touched
//	directfree           drops them; answers when the JVM has freed them
//	unsafe N [BYTES]     Unsafe.allocateMemory in chunks of BYTES (1 MiB), touched
//	unsafeblocks N BYTES the same, N chunks
//	unsafefree           frees them
//	deflaters N          N Deflaters, each with all its memory (262 KiB) in use
//	deflatersfree        ends them
//	inflaters N          N Inflaters, each with all its memory (39 KiB) in use
//	inflatersfree        ends them
//	mapfile PATH N       a new sparse file, mapped shared, each page written
//	mapprivate PATH N    a file (made when missing), mapped private, each page written
//	mappings PATH N      N mappings of the first page of a file
//	mapfree              unmaps all; the files stay, and their page cache
//	shmfile PATH N       writes a file, meant for one below /dev/shm
//	pagecache PATH N     writes a file, syncs it and reads it; nothing is mapped
//	unlink PATH          removes a file
//	child N              a child process (tail) that holds N of anonymous memory
//	childgrow N          the newest of them holds N more
//	childfree            kills all of them
//	pipes N              pipes of 64 KiB each, full and not read
//	pipesfree            closes them
//	sockets N            TCP connections on loopback with N written and not read
//	socketsfree          closes them
//	stallstart           from now on one thread parks for 0.2 ms again and again; another each 1 ms maps and unmaps 64 KiB of a file, and each 10 ms starts a thread
//	stalls               answers how long those wake-ups, maps, unmaps and starts took since the last stalls: count, p999_nanos, max_nanos of each
//	report               answers the JVM's and glibc's own numbers
//	exit                 ends the JVM, without a reply: Send it
//
// These are an ERR without libworkload.so:
//
//	jni N [BYTES]        malloc in chunks of BYTES (64 KiB), touched, kept
//	jnifree              frees them
//	jnifragment N        mallocs N and frees all but a little of each chunk: glibc can neither unmap it nor reuse it for the next
//	jnimmap N            an anonymous mapping, touched
//	jnimunmap            unmaps all
//	jniretain N THREADS  THREADS malloc N together and free it so that glibc cannot unmap it
//	jniretainfree        ends the threads, and unmaps all free memory (malloc_trim)
//	dentries PATH N      a new folder PATH in which N thousand names are looked up that do not exist
//	dentriesfree PATH    removes the folder, and what the kernel remembers of it
//
// With the library the commands that malloc in ways of their own (jni, jniretain,
// jnifragment, deflaters, inflaters, symbols, strings, their frees) and report answer with glibc's
// account of all malloc: in_use_bytes, and retained_bytes, which were freed but kept
// (mallinfo2). Those numbers are missing with another malloc preloaded.
//
// What a command does beyond its amount:
//
//   - heap: exact with G1, and with Serial and Parallel if an array is larger than
//     eden (-Xmn16m). One that fits is put there and later copied: eden's pages
//     stay resident too. ZGC commits its heap in larger pieces, and charges all
//     of -Xms at the start; Shenandoah charges up to 0.2 MiB less.
//   - refs: exact with G1, and up to 3 % beside it for the collector's tables, some
//     of it malloc. Where a node fits into eden see heap. ZGC takes up to twice N.
//   - threads: depth_bytes is how far the stack pointers went down. More is
//     resident: the pages below that the JVM probed (HotSpot's shadow zone)
//     and what a thread uses before its first Java frame, about 90 KiB a
//     thread on x86-64, besides its malloc and kernel memory.
//   - vthreads: a parked thread's stack is a small object of the heap, in eden
//     first. heap_used_bytes reports how much it grew; the resident size differs.
//   - classes: a class is about 3 KiB of metaspace used and 6 KiB committed;
//     the malloc of its loader's data comes with it.
//   - bigclasses: resident is what is used, within 0.5 MiB. Committed is 2 % more,
//     and 14 % with JDK 8 and 11. About 9 KiB of malloc a class. Past
//     -XX:MetaspaceSize the JVM collects, which may move the heap.
//   - symbols, strings: metaspace of 14 KiB a thousand symbols, heap of 80 KiB
//     (JDK 8: 110) a thousand strings.
//   - jit: see below.
//   - direct, unsafe, jni: 16 bytes a chunk, and with large ones a page.
//   - jniretain: a stack of 8 KiB a thread. Its threads use free memory
//     first, so retained_bytes may grow by less than N. Other threads may take what
//     is retained, where they share an arena.
//   - jnifragment: up to 1 % stays in use. It uses free memory first.
//   - objects, threadlocals: in eden first, and copied by collections.
//   - mapprivate: a private page that is written is copied from the page
//     cache first, so a new file adds N to the page cache as well as N
//     anonymous.
//   - mapfile, pagecache: about 3 % kernel memory, of a file system on disk.
//   - child: the pipe to it, and a thread of the JVM that waits for its end.
//   - pipes: 2.5 KiB of kernel memory each beside its 64 (JDK 27 and newer: 4).
//     Above 64 MiB a user's pipes are smaller, but for root's.
//   - sockets: 4 % more; nothing at all on cgroup v1 without a limit for TCP.
//   - dentries: 200 bytes each, where the file system keeps absent names at all:
//     ext4 and overlay do, tmpfs does not.
//
// A free returns the memory to the kernel, but malloced memory may remain in glibc, as
// retained_bytes; the heap and the code cache keep their pages; and up to JDK 17 dropped
// code counts as used until the code cache is short of space.
//
// What the JVM's compilers malloc disturbs all small numbers. With
//
//	-XX:TieredStopAtLevel=1 -Xbatch -XX:CompileCommand=quiet -XX:CompileCommand=compileonly,Jit*.*
//
// only what jit runs is compiled (JDK 8 to 28), which makes jit exact: 0.92 to 0.99
// MiB of code for each of N, 80 KiB of metaspace and, from JDK 25 on, 80 KiB of
// malloc. At the first jit the compiler mallocs 1.4 MiB, of which HotSpot frees
// about as much some seconds later. Without these flags jit is not exact; with
// -Xint it grows nothing.
//
// Needs a JDK 8 or newer, and GNU tail; the library glibc 2.33 or newer. The stack
// pointer comes from /proc/thread-self/syscall, so Linux on any architecture that
// has it.
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
