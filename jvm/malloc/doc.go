// Package malloc finds the memory of glibc's malloc in a process by the headers that
// malloc itself writes: the heaps of thread arenas, and chunks that were mmapped one by
// one. It reads only resident pages, so the process does not change, and never follows
// a pointer.
//
// Sources: malloc/arena.c (heap_info, HEAP_MAX_SIZE) and malloc/malloc.c
// (malloc_chunk, IS_MMAPPED) of glibc, 64-bit. glibc 2.35 appended a page size
// to heap_info; the fields read here are unchanged. The size in the header of an
// mmapped chunk is that of the mapping in glibc 2.36, and 16 bytes less in 2.43
// (both observed; it changed in between). Other allocators (musl,
// jemalloc, tcmalloc) have no such headers: nothing is found.
package malloc
