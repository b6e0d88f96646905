// Package malloc finds the memory of glibc's malloc in a process by the headers that
// malloc itself writes: the heaps of thread arenas, and chunks that were mmapped one by
// one (Find), and all blocks in them and in the main arena (Walk). Walk also knows jemalloc and
// musl's malloc.
// Only resident pages are read, so the process does not change. It is not stopped, either.
//
// # Find
//
// It never follows a pointer. Sources: malloc/arena.c (heap_info, HEAP_MAX_SIZE) and
// malloc/malloc.c (malloc_chunk, IS_MMAPPED) of glibc, 64-bit. glibc 2.35 appended a page
// size to heap_info; the fields read here are unchanged. The size in the header of an
// mmapped chunk is that of the mapping in glibc 2.36, and 16 bytes less in 2.43
// (both observed; it changed in between). Other allocators (musl,
// jemalloc, tcmalloc) have no such headers: nothing is found. A chunk that realloc made
// smaller than 128 KiB is found if what follows it is another one, or no memory.
//
// The kernel joins adjacent mappings, so a chunk may lie behind memory of others. After 2048
// pages of a span that begin no chunk, the search there goes on only if malloc has more by its
// own account than was found elsewhere.
//
// # Walk
//
// The blocks of a heap lie one behind the other, each with its size. The state of each
// arena (malloc_state) says where they end. Nothing is taken from the version of the
// library: a layout is used if the memory has it, else the blocks are unknown.
//
//	glibc     what differs
//	2.27 on   threads have a tcache; its blocks are not marked, so their lists are followed
//	2.29 on   such a block has the address of the tcache in its second word
//	2.32 on   links of fastbins and tcaches are combined with their address
//	2.34 on   the second word is a random number instead, a variable of libc
//	2.35 on   heap_info has 48 bytes, not 32
//	2.43      no fastbins, so malloc_state is shorter; a tcache is allocated at the first free
//
// Tried with 2.36 and 2.43, block by block against what a program says; the others are
// from the source. Parts of the main arena outside [heap], which malloc maps if the heap
// cannot grow, are not found, but told (UnseenBytes); so are mmapped chunks, by malloc's own
// account of them (mmapped_mem of struct malloc_par). A heap that grew since its mapping was
// read is walked through as far as it reaches now.
//
// Where a Budget bounds the bytes, whole heaps of arenas stand for others (Block.Sampled). Which
// ones is decided by their address, so that the next walk has the same.
//
// Memory is read in windows of 256 KiB, and none of it is kept. A block that changes
// just now is read again. If the chain of blocks is broken, the walk goes on where 16
// blocks follow each other, and what lies between is lost. So headers that a process
// overwrites can make the walk end early or see too little, but not go on for
// ever: each step goes to a higher address, and the number of reads is limited.
//
// # jemalloc
//
// Version 5.3 (edata.h, rtree.h, tcache.h of its source; tried with Debian's 5.3.0 and 5.3.1,
// block by block against what a program says). All of its memory is found by the radix tree among the
// variables of its library, which has to lead to descriptors that lead back. The blocks that
// threads keep for themselves are found by the lists of its arenas: a build without
// statistics (--disable-stats) has none, and is unknown, as are other versions. Above a million
// blocks in caches (some 2,000 threads of a JVM) the rest is told (UnseenBytes).
//
// # musl
//
// mallocng, from musl 1.2.1 on (tried with Debian's musl 1.2.3 and dynamically linked C programs,
// block by block; there was no JVM for musl). The variables of malloc lead to all descriptors of
// memory. It keeps the size that was asked for, so a block's end is that.
//
// # Split
//
// HotSpot's Native Memory Tracking puts a header into each of its blocks
// (services/mallocHeader.hpp, mallocTracker.hpp); see Headers. Which one there is, if any,
// is decided by the JVM and by how many blocks have it.
package malloc
