package breakdown

// kernelStackBytes is THREAD_SIZE on amd64 and arm64 (4 KiB pages).
const kernelStackBytes = 16 << 10

// kernelRow is the cgroup's kernel memory. v2 names its parts; on v1 two of
// them follow from the processes, and the rest (slab, sockets, pipes) has no name.
func kernelRow(f *Facts) Row {
	row := Row{Name: Kernel}
	if f.Memory == nil || f.Memory.Kernel.TotalBytes == nil || f.Root {
		return row
	}
	k := f.Memory.Kernel
	row.Bytes, row.Source = k.TotalBytes, "cgroup"
	parts := []Detail{
		{Name: "stacks", Bytes: k.StackBytes},
		{Name: "page_tables", Bytes: k.PageTablesBytes},
		{Name: "slab", Bytes: k.SlabBytes},
		{Name: "percpu", Bytes: k.PercpuBytes},
		{Name: "sockets", Bytes: k.SockBytes},
		{Name: "vmalloc", Bytes: k.VmallocBytes},
	}
	if f.CgroupVersion == 1 {
		stacks, tables := f.kernelOfProcesses()
		parts = []Detail{{Name: "stacks", Bytes: &stacks}, {Name: "page_tables", Bytes: &tables}}
	}
	rest := *k.TotalBytes
	for _, part := range parts {
		if part.Bytes == nil || *part.Bytes == 0 {
			continue
		}
		bytes := min(*part.Bytes, rest) // the kernel updates its counters in batches
		rest -= bytes
		row.Detail = append(row.Detail, Detail{Name: part.Name, Bytes: &bytes})
	}
	row.Detail = append(row.Detail, Detail{Name: "other", Bytes: &rest})
	return row
}

// kernelOfProcesses returns the kernel stacks and page tables of all processes.
func (f *Facts) kernelOfProcesses() (stacks, tables int64) {
	for i := range f.JVMs {
		stacks += int64(f.JVMs[i].Threads.Live) * kernelStackBytes
		tables += f.JVMs[i].PageTablesBytes
	}
	for _, p := range f.Others {
		stacks += int64(p.Threads) * kernelStackBytes
		tables += p.PageTablesBytes
	}
	return stacks, tables
}
