// Package owners says who owns the native memory of a JVM: which blocks of malloc there are,
// or which are new since a Snapshot, and what refers to them. It only reads memory
// (/proc/<pid>/mem, pagemap and maps), so it needs the JVM's UID and GID but no attach,
// and works beside a JVM that is stopped.
//
// Names are never a guess. An owner is named where at least 90 % of a sample of its blocks
// agree; else the blocks are "not named", with their sizes, their count and the threads
// whose arena they are in. Objects that the collector has not removed yet refer to blocks
// too, so it is said what refers to a block, not what holds it.
//
// Sizes, counts and the names of libraries, symbols, classes, threads and categories are
// all that leaves; never the content of memory.
//
// # How names are found
//
// Blocks of one size with the same telling pointer into a library in their first 256 bytes
// are a kind. Of each kind that grew, up to 256 blocks are looked at, in this order:
//
//	points to     a table of virtual functions with the name of its class (Itanium C++ ABI);
//	              other functions and variables only if 90 % of the new blocks of that size
//	              have such a pointer, as memory that was not cleared has those of others,
//	              and with another allocator than glibc's only in the first 32 bytes
//	referred to   over at most three references, from one block to another: by a block that
//	              points into a library, a variable of a library, a field of a Java object.
//	              References count that lead to the same place in each block
//	lists, trees  what leads to a block of one size, and from there to 90 % of the sample
//	tracked       by the header of HotSpot's Native Memory Tracking (jvm/malloc)
//	mmapped       pages of no malloc that begin with a pointer into a library; others have no
//	              name, but are counted: as one, since the kernel joins adjacent mappings
//
// Pointers into libc, libstdc++ and the dynamic linker tell nothing, nor do those to
// HotSpot's tables of JNI functions. A class whose objects refer to each block several
// times is not named: all but one of them are dead, and it may be another's block now.
//
// # Bounds
//
// Reads and time are bounded by a budget (DefaultBudget), and all that is kept: 64,000
// kinds, 256 in a Snapshot; 32 kinds with 256 samples; 32,000 blocks and 128,000 references;
// a list in 256 MiB of malloc. jvmem took 18 MB in all beside a JVM with 4 million blocks in
// 1 GiB. Where a bound was reached, Report.Complete is false.
//
// # Sources
//
// ELF symbols: jvm/elfimage, so only exported names are there.
// Java objects: jvm/vmstructs. Arenas of threads: struct pthread of glibc on x86-64, tried
// with 2.36; elsewhere no threads are named.
package owners
