package breakdown

import "github.com/jvmem/jvmem/sidecar/rows"

// kernelStackBytes is THREAD_SIZE on amd64 and arm64, whose stacks are whole pages
// (CONFIG_VMAP_STACK).
const kernelStackBytes = 16 << 10

// kernelRow is the cgroup's kernel memory. v2 reports its parts. On v1 two of them are
// computed from the processes, and the rest (slab, sockets, pipes) is "other".
func kernelRow(f *Facts) Row {
	row := Row{Name: rows.Kernel}
	if f.Memory == nil || f.Memory.Kernel.TotalBytes == nil || f.Root {
		return row
	}
	k := f.Memory.Kernel
	row.Bytes, row.Source = k.TotalBytes, "cgroup"
	parts := []Detail{
		{Name: rows.KernelStacks, Bytes: k.StackBytes},
		{Name: rows.PageTables, Bytes: k.PageTablesBytes},
		{Name: rows.Slab, Bytes: k.SlabBytes},
		{Name: rows.Percpu, Bytes: k.PercpuBytes},
		{Name: rows.Sockets, Bytes: k.SockBytes},
		{Name: rows.Vmalloc, Bytes: k.VmallocBytes},
	}
	if f.CgroupVersion == 1 {
		stacks, tables := f.kernelOfProcesses()
		parts = []Detail{{Name: rows.KernelStacks, Bytes: &stacks}, {Name: rows.PageTables, Bytes: &tables}}
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
	row.Detail = append(row.Detail, Detail{Name: rows.KernelOther, Bytes: &rest})
	return row
}

// kernelOfProcesses returns the kernel stacks and page tables of all processes.
func (f *Facts) kernelOfProcesses() (stacks, tables int64) {
	stack := max(kernelStackBytes, f.PageBytes)
	for i := range f.JVMs {
		stacks += int64(f.JVMs[i].Threads.Live) * stack
		tables += f.JVMs[i].PageTablesBytes
	}
	for _, p := range f.Others {
		stacks += int64(p.Threads) * stack
		tables += p.PageTablesBytes
	}
	return stacks, tables
}
