// Package resident counts the resident pages of a process by what they are used for,
// and decides when to count them again.
//
// Memory reads the mappings and their resident pages, CountPages adds them up by range
// (jvm/ranges), HeapFileBytes is the size of ZGC's heap, which no mapping shows.
//
// The private pages of the heap are counted rarely: they are what is left of the kernel's sum
// (Heap).
//
// Counting is the most expensive part of a sample, and the JVM's mmap_lock is held for
// short times. Policy decides from numbers that are cheap to read whether the last
// count can be reused, and after a count whether it can be used.
//
// Kernel documents: Documentation/filesystems/proc.rst (smaps),
// admin-guide/mm/pagemap.rst.
package resident
