// Package cgroup finds the memory cgroup of a process and reads it: usage,
// limits, memory.stat and OOM events, on cgroup v1, v2 and hybrid hosts. Names
// are those of the v2 kernel document; v1 is normalised to them.
//
// # What it reads
//
// /proc/<pid>/cgroup names the cgroup, /proc/<pid>/mountinfo the target's own
// mount of the cgroup filesystem. The kernel shows both relative to the cgroup
// namespace of the reader, so a sidecar in a namespace of its own sees
// "/../<container ID>" in both; the part of the name below the mount's root is
// the directory below the mount point, in /proc/<pid>/root. Where that fails,
// our own mounts are tried in the same way (a host process, or a sidecar with
// the host's /sys/fs/cgroup). No host mount is needed. Both files of proc are
// open to all, but the target's root only to who passes the kernel's ptrace
// check: run the sidecar with the JVM's own UID and GID.
//
// It can't tell where a cgroup is that only a mount with a root above our
// namespace shows ("/../.."), because the names in between can't be seen. So a
// sidecar that gets the host's /sys/fs/cgroup needs the host's cgroup namespace.
//
// A Meter is for who reads often, or in the milliseconds between an OOM kill and
// the removal of the cgroup: its files are open before.
//
// # What it refuses to do
//
// It writes nothing, follows no symbolic link out of the target's root, and
// reads no file that is not on a cgroup filesystem (statfs), so a container
// can't put a FIFO or our own files in the way. Unknown stays unknown: nil,
// never 0 or MaxUint64. Nor does it tell a limit above what its mount shows: in
// a container of its own cgroup namespace a v2 pod limit can't be seen.
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
//	reclaimable slab not told                        slab_reclaimable
//	hugetlb         never part of usage              hugetlb, new kernels with the mount
//	                                                 option memory_hugetlb_accounting
//	oom_kill        memory.oom_control, Linux 4.13;  memory.events, Linux 4.13;
//	                this cgroup only                 with its descendants
//	limit hits      memory.failcnt; with equal       max of memory.events
//	                memory and memory+swap limits it
//	                is memory.memsw.failcnt, which
//	                stays 0 on Linux 6.18
//	oom, oom.group  not told                         memory.events, memory.oom.group (4.19)
//
// Tested with real captures of Linux 6.18 (v1, hybrid) and 6.1 (v2).
//
// Usage and memory.stat are read one after the other, and the kernel keeps both
// in per-CPU batches: parts and whole agree to some 64 pages a CPU.
//
// # Sources
//
// Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst,
// mm/memcontrol.c, mm/memcontrol-v1.c, fs/kernfs/dir.c
// (kernfs_path_from_node), cgroup_namespaces(7), proc_pid_mountinfo(5).
//
// # Why not containerd/cgroups for the reading
//
// It parses /proc/<pid>/cgroup here. Its Stat can't keep unknown apart from
// zero: a missing memory.stat gives an empty struct and a nil error, unreadable
// files give 0, "max" gives MaxUint64. Its Mode() looks once, at our own
// /sys/fs/cgroup, not at the target's, and calls a hybrid host by one name. It
// takes a mount point, not a directory held open.
package cgroup
