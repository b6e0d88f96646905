// Package cgroup finds the memory cgroup of a process and reads it: usage,
// limits, memory.stat and OOM events, on cgroup v1, v2 and hybrid hosts. Names
// are those of the v2 kernel document; v1 is normalised to them.
//
// # What it reads
//
// /proc/<pid>/cgroup names the cgroup, /proc/<pid>/mountinfo the process's own mount of
// the cgroup filesystem. The kernel shows both relative to the cgroup namespace of the
// reader, so a sidecar in a namespace of its own reads "/../<container ID>" in both. The
// part of the name below the mount's root is the directory below the mount point, in
// /proc/<pid>/root. If that fails, jvmem's own mounts are tried in the same way (a process
// on the host, or a sidecar with the host's /sys/fs/cgroup). No host mount is needed. Both
// files can be read by every user, the process's root only after the kernel's ptrace
// check: run the sidecar with the JVM's own UID and GID.
//
// A cgroup cannot be found if only a mount with a root above our namespace shows it
// ("/../.."), because the names in between are not visible. So a sidecar with the host's
// /sys/fs/cgroup needs the host's cgroup namespace.
//
// A Group reads everything (Memory), or takes a light reading (Reading): a few numbers,
// without allocation. A Handle takes light readings from files that it opened in advance,
// also in the milliseconds between an OOM kill and the removal of the cgroup.
//
// # What it refuses to do
//
// It writes nothing, follows no symbolic link out of the process's root, and reads no file
// that is not on a cgroup filesystem (statfs), so a container cannot substitute a FIFO or
// a file of jvmem. Unknown values are nil, never 0 or MaxUint64. Limits above the root of
// the mount are not reported: in a container with its own cgroup namespace a v2 pod limit
// is not visible.
//
// # What differs
//
//	                v1                               v2
//	usage           memory.usage_in_bytes            memory.current (not in the root cgroup)
//	limit           hierarchical_memory_limit of     memory.max of every visible ancestor;
//	                memory.stat, hidden ancestors    hidden ancestors unknown
//	                included
//	peak            memory.max_usage_in_bytes        memory.peak, Linux 5.19
//	swap limit      memory.memsw.* minus memory      memory.swap.max
//	anon, file, …   total_rss, total_cache, total_…  anon, file, …
//	swap cache      total_swapcached, new kernels    swapcached, Linux 5.12
//	kernel memory   memory.kmem.usage_in_bytes,      "kernel" (Linux 5.18; else the sum of
//	                not split; no sockets            its parts) + "sock", split by use
//	reclaimable slab not reported                    slab_reclaimable
//	hugetlb         never part of usage              hugetlb, new kernels with the mount
//	                                                 option memory_hugetlb_accounting
//	oom_kill        memory.oom_control, Linux 4.13;  memory.events, Linux 4.13;
//	                this cgroup only                 with its descendants
//	limit hits      memory.failcnt; with equal       max of memory.events
//	                memory and memory+swap limits it
//	                is memory.memsw.failcnt, which
//	                stays 0 on Linux 6.18
//	oom, oom.group  not reported                     memory.events, memory.oom.group (4.19)
//	refaults        total_workingset_refault_… of    workingset_refault_…
//	                new kernels
//	stalls          not reported                     memory.pressure (4.20)
//
// Tested with real captures of Linux 6.18 (v1, hybrid) and 6.1 (v2).
//
// Usage and memory.stat are read one after the other, and the kernel counts both in
// per-CPU batches: parts and whole agree within some 64 pages for each CPU.
//
// # Sources
//
// Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst,
// mm/memcontrol.c, mm/memcontrol-v1.c, fs/kernfs/dir.c
// (kernfs_path_from_node), cgroup_namespaces(7), proc_pid_mountinfo(5).
//
// # Why not containerd/cgroups for the reading
//
// It parses /proc/<pid>/cgroup here. Its Stat does not distinguish unknown from zero: a
// missing memory.stat results in an empty struct and a nil error, unreadable files in 0,
// "max" in MaxUint64. Its Mode() reads once, from our own /sys/fs/cgroup instead of the
// process's, and has one name for a hybrid host. It needs a mount point, and cannot use an
// open directory.
package cgroup
