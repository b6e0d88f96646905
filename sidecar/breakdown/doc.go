// Package breakdown puts every byte that the kernel charges to a container in exactly
// one row. Attribute is a pure function of recorded facts: it reads nothing, and the same
// facts give the same rows. The names of the rows and details are those of package rows.
//
// The rows, and the source of each:
//
//	heap, metaspace, threads,   resident private pages (Anonymous in smaps) by address
//	code_cache, gc, native      range; ZGC's heap is a memory file and counts with the
//	                            blocks that it has allocated
//	                            native is split by malloc's blocks
//	libraries                   private pages of mapped libraries, and the part of their
//	                            mapped page cache that is charged to this cgroup
//	other_processes             private pages of the container's other processes
//	mapped_files                the rest of the mapped page cache; private copies
//	shmem                       the cgroup's shmem without ZGC's heap
//	page_cache                  the cgroup's page cache that is not mapped
//	kernel                      the cgroup's kernel memory
//
// The sum of the private rows is the cgroup's anon (rss on v1), to the byte. Usage minus
// all rows is therefore what the kernel has charged in advance for each CPU
// (MEMCG_CHARGE_BATCH, 64 pages; mm/memcontrol.c). That is unattributed_bytes.
//
// A row that the readable sources do not determine is null, and its bytes are part of
// unattributed_bytes. A partial breakdown has fewer known rows, and no estimates.
package breakdown
