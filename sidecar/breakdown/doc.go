// Package breakdown puts every byte that the kernel charges to a container into
// exactly one row. Attribute is a pure function of recorded facts: it reads
// nothing, and the same facts give the same rows.
//
// The rows, and where each comes from:
//
//	heap, metaspace, threads,   resident private pages (smaps' Anonymous) by the
//	code_cache, gc, native      range they lie in; ZGC's heap is a file in memory
//	                            and counts what it has allocated
//	libraries                   private pages of mapped libraries, and their share
//	                            of the mapped page cache that this cgroup pays for
//	other_processes             private pages of the container's other processes
//	mapped_files                the rest of the mapped page cache; private copies
//	shmem                       the cgroup's shmem without ZGC's heap
//	page_cache                  the cgroup's page cache that is not mapped
//	kernel                      the cgroup's kernel memory
//
// The sum of the private rows is the cgroup's anon (rss on v1) to the byte, so
// usage minus all rows is only what the kernel charged in advance for each CPU
// (MEMCG_CHARGE_BATCH, 64 pages; mm/memcontrol.c). That is unattributed_bytes.
//
// A row that the readable sources cannot tell is null. Its bytes are then part
// of unattributed_bytes: a partial breakdown names less, it never guesses.
package breakdown
