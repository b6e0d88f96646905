// Package pages reads the memory mappings of a process and their resident pages:
// /proc/<pid>/maps and a Scan of its page tables where the kernel has PAGEMAP_SCAN, else
// /proc/<pid>/smaps, and /proc/<pid>/pagemap where one mapping has to be split. Its
// parser of maps is the only one; other packages use it.
//
// All need ptrace read permission; pagemap, and so a Scan, also needs the UID of the
// process. Reading smaps holds the process' mmap_lock while the pages of a mapping are
// walked, a Scan for 8 MiB at a time.
//
// Formats: Documentation/filesystems/proc.rst (smaps, maps) and
// Documentation/admin-guide/mm/pagemap.rst of the kernel. What differs:
//
//	Pss_Dirty, KSM, FilePmdMapped, THPeligible   newer kernels; ignored
//	PAGEMAP_SCAN                                  since 6.7; reports guard regions since 6.15
//	VmFlags nh                                    marks MAP_STACK since 6.7
//	pagemap bit 56 (mapped exclusively)           since 4.2
package pages
