package cgroup

// readV1 reads all but usage. The total_ fields of memory.stat include the
// descendants, as usage does.
// https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
func (m *Memory) readV1(r *reader) {
	stat := r.flat("memory.stat")
	m.AnonBytes = stat.value("total_rss")
	m.FileBytes = stat.value("total_cache")
	m.ShmemBytes = stat.value("total_shmem")
	m.FileMappedBytes = stat.value("total_mapped_file")
	m.FileDirtyBytes = stat.value("total_dirty")
	m.FileWritebackBytes = stat.value("total_writeback")
	m.SwapCachedBytes = stat.value("total_swapcached")
	m.AnonTHPBytes = stat.value("total_rss_huge")
	m.InactiveFileBytes = stat.value("total_inactive_file")
	m.ActiveFileBytes = stat.value("total_active_file")
	m.UnevictableBytes = stat.value("total_unevictable")
	m.SwapBytes = stat.value("total_swap")

	m.PeakBytes = r.number("memory.max_usage_in_bytes")
	m.Kernel.TotalBytes = r.number("memory.kmem.usage_in_bytes")

	// The hierarchical limits include ancestors that are not visible, and omit those that
	// do not apply (memory.use_hierarchy 0).
	own, _ := r.limit("memory.limit_in_bytes")
	m.LimitBytes = tighter(own, stat.limit("hierarchical_memory_limit"))
	own, _ = r.limit("memory.memsw.limit_in_bytes")
	both := tighter(own, stat.limit("hierarchical_memsw_limit"))
	// Memory+swap cannot be limited below memory, so both limits exist.
	if both != nil && m.LimitBytes != nil {
		swap := max(*both-*m.LimitBytes, 0)
		m.SwapLimitBytes = &swap
	}
	m.Events.readV1(r)
	m.Pressure = pressureOf(stat, "total_", nil)
}

// limit returns the value of a key as a limit: nil means none.
func (f flat) limit(key string) *int64 {
	n := f.value(key)
	if n == nil || *n >= noLimitV1 {
		return nil
	}
	return n
}
