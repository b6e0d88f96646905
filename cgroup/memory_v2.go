package cgroup

import "strings"

// readV2 reads all but usage.
// https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
func (m *Memory) readV2(r *reader) {
	stat := r.flat("memory.stat")
	m.AnonBytes = stat.value("anon")
	m.FileBytes = stat.value("file")
	m.ShmemBytes = stat.value("shmem")
	m.FileMappedBytes = stat.value("file_mapped")
	m.FileDirtyBytes = stat.value("file_dirty")
	m.FileWritebackBytes = stat.value("file_writeback")
	m.SwapCachedBytes = stat.value("swapcached")
	m.AnonTHPBytes = stat.value("anon_thp")
	m.InactiveFileBytes = stat.value("inactive_file")
	m.ActiveFileBytes = stat.value("active_file")
	m.UnevictableBytes = stat.value("unevictable")
	m.SlabReclaimableBytes = stat.value("slab_reclaimable")
	m.HugetlbBytes = stat.value("hugetlb")
	m.Kernel = kernelV2(stat)

	m.PeakBytes = r.number("memory.peak")
	m.SwapBytes = r.number("memory.swap.current")
	m.LimitBytes = r.tightest("memory.max")
	m.HighBytes = r.tightest("memory.high")
	m.SwapLimitBytes = r.tightest("memory.swap.max")
	m.Events.readV2(r)
	m.Pressure = pressureOf(stat, "", r.flat("memory.pressure"))
}

// tightest returns the lowest limit of the cgroup and its visible ancestors.
func (r *reader) tightest(file string) *int64 {
	var limit *int64
	for up := 0; up <= r.g.above; up++ {
		n, ok := r.limit(strings.Repeat("../", up) + file)
		if !ok {
			break // the root cgroup has no limits
		}
		limit = tighter(limit, n)
	}
	return limit
}

func kernelV2(stat flat) Kernel {
	k := Kernel{
		StackBytes:      stat.value("kernel_stack"),
		PageTablesBytes: stat.sum("pagetables", "sec_pagetables"),
		PercpuBytes:     stat.value("percpu"),
		SlabBytes:       stat.sum("slab_reclaimable", "slab_unreclaimable"),
		SockBytes:       stat.value("sock"),
		VmallocBytes:    stat.value("vmalloc"),
	}
	if total, summed, ok := kernelTotalV2(stat); ok {
		k.TotalBytes, k.Summed = &total, summed
	}
	return k
}

// kernelTotalV2 is Kernel.TotalBytes, and whether it is the sum of the parts.
func kernelTotalV2(stat flat) (total int64, summed, ok bool) {
	if _, ok := stat.find("kernel"); ok {
		total, _ = stat.total("kernel", "sock")
		return total, false, true
	}
	total, ok = stat.total("kernel_stack", "pagetables", "sec_pagetables", "percpu",
		"slab_reclaimable", "slab_unreclaimable", "sock", "vmalloc")
	return total, true, ok
}
