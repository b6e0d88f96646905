package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Memory is the memory of a cgroup with its descendants. nil means that this kernel or
// hierarchy does not report it.
type Memory struct {
	// UsageBytes is everything that is charged: v2 memory.current, v1
	// memory.usage_in_bytes.
	UsageBytes int64
	// LimitBytes is the lowest limit of the cgroup and its ancestors, on v2 of the visible
	// ones; nil: no limit.
	LimitBytes *int64
	// HighBytes is v2's memory.high, above which the kernel throttles, the lowest of the
	// visible tree; nil: none (always on v1).
	HighBytes *int64
	// PeakBytes is the highest usage so far.
	PeakBytes *int64

	// SwapBytes is in swap, not part of usage; nil without swap accounting.
	SwapBytes *int64
	// SwapLimitBytes is the limit of swap, determined as LimitBytes; nil: no limit, or no
	// swap accounting (SwapBytes is nil then).
	SwapLimitBytes *int64

	// AnonBytes is anonymous memory in pages that are mapped.
	AnonBytes *int64
	// FileBytes is the page cache, including shmem and swap cache.
	FileBytes *int64
	// ShmemBytes is the part of FileBytes that can only be swapped: tmpfs, memfd, shared
	// anonymous memory.
	ShmemBytes *int64
	// FileMappedBytes is the part of FileBytes that some process has mapped.
	FileMappedBytes *int64
	// FileDirtyBytes must be written before it can be reclaimed.
	FileDirtyBytes *int64
	// FileWritebackBytes is being written.
	FileWritebackBytes *int64
	// SwapCachedBytes is in memory and in swap. It is part of FileBytes and,
	// where mapped, of AnonBytes too.
	SwapCachedBytes *int64
	// AnonTHPBytes is the part of AnonBytes in transparent huge pages.
	AnonTHPBytes *int64

	// InactiveFileBytes and ActiveFileBytes are the page cache on the two lists that are
	// reclaimed; shmem is on neither.
	InactiveFileBytes *int64
	ActiveFileBytes   *int64
	// UnevictableBytes can't be reclaimed (mlock, ramfs).
	UnevictableBytes *int64
	// SlabReclaimableBytes is the reclaimable part of Kernel.SlabBytes (dentries, inodes);
	// nil on v1.
	SlabReclaimableBytes *int64
	// HugetlbBytes is hugetlbfs memory where it is part of usage, else nil.
	HugetlbBytes *int64

	Kernel   Kernel
	Events   Events
	Pressure Pressure
}

// Kernel is the kernel memory charged to the cgroup. The parts are nil on v1, which
// reports the total only.
type Kernel struct {
	// TotalBytes is v1 memory.kmem.usage_in_bytes (without socket buffers, which v1 does
	// not charge to usage), v2 "kernel" + "sock".
	TotalBytes *int64
	// Summed: TotalBytes is the sum of the parts (v2 before Linux 5.18), without kernel
	// memory that the kernel does not itemize.
	Summed bool

	StackBytes      *int64
	PageTablesBytes *int64 // with those of virtual machines (sec_pagetables)
	PercpuBytes     *int64
	SlabBytes       *int64
	SockBytes       *int64
	VmallocBytes    *int64
}

// RSSBytes returns rss as cAdvisor and the kubelet define it: anonymous memory
// (v1 total_rss, v2 anon). It includes no file pages, unlike VmRSS of /proc/<pid>/status.
func (m Memory) RSSBytes() *int64 { return m.AnonBytes }

// WorkingSetBytes returns the working set as cAdvisor and the kubelet define it; the
// kubelet evicts by it: usage without inactive_file, at least 0. It includes active_file and
// reclaimable slab.
func (m Memory) WorkingSetBytes() *int64 {
	return known(workingSet(m.UsageBytes, m.InactiveFileBytes))
}

// ReclaimableBytes returns the memory that the kernel can reclaim without swap, an upper bound:
// inactive_file + active_file + slab_reclaimable (no slab on v1). Dirty pages must be
// written first, and pages in use are read again at once.
func (m Memory) ReclaimableBytes() *int64 {
	return known(reclaimable(m.InactiveFileBytes, m.ActiveFileBytes, m.SlabReclaimableBytes))
}

// Memory reads the cgroup. With an error the Memory has the values that could be read;
// UsageBytes is 0 only if usage itself could not be read. A missing optional file is no error; a missing
// memory.stat is. ErrGone: the cgroup was removed, or the process's own cgroup now has the
// controller: open it again. ErrNoController: the controller was disabled, and may be
// enabled again.
func (g *Group) Memory() (Memory, error) {
	if g.below != "" {
		if own, _ := g.has(filepath.Join(g.below, "memory.current")); own {
			return Memory{}, fail("read", g.name, fmt.Errorf("%w: %s accounts the memory now", ErrGone, g.below))
		}
	}
	r := &reader{g: g}
	file := g.usageFile()
	usage := r.number(file)
	if usage == nil {
		return Memory{}, g.unreadable(file, r.err)
	}
	m := Memory{UsageBytes: *usage}
	if g.Path.Version == 1 {
		m.readV1(r)
	} else {
		m.readV2(r)
	}
	if m.AnonBytes == nil || m.FileBytes == nil {
		return m, g.unreadable("memory.stat", r.err)
	}
	return m, r.err
}

// Usage reads Memory.UsageBytes only.
func (g *Group) Usage() (int64, error) {
	r := &reader{g: g}
	file := g.usageFile()
	usage := r.number(file)
	if usage == nil {
		return 0, g.unreadable(file, r.err)
	}
	return *usage, nil
}

func (g *Group) usageFile() string {
	if g.Path.Version == 1 {
		return "memory.usage_in_bytes"
	}
	return "memory.current"
}

// unreadable returns the error for a required file without a value.
func (g *Group) unreadable(file string, err error) error {
	if err != nil && !vanished(err) {
		return err
	}
	if ok, _ := g.has(file); ok {
		return fail("parse", filepath.Join(g.name, file), errors.New("required values are missing"))
	}
	// Of a removed cgroup all files are gone, and the directory is empty.
	if ok, _ := g.has("cgroup.procs"); ok {
		cause := error(fs.ErrNotExist)
		if file == "memory.current" { // removed from subtree_control of the parent
			cause = ErrNoController
		}
		return fail("open", filepath.Join(g.name, file), cause)
	}
	return fail("read", g.name, ErrGone)
}
