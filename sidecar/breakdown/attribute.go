package breakdown

import (
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// Attribute puts the bytes of one container into rows.
func Attribute(f Facts) Container {
	c := Container{Identity: f.Identity, Sources: f.Sources}
	c.numbers(&f)
	pages := attributePages(&f)
	c.Memory = []Row{
		heapRow(&f, pages),
		metaspaceRow(&f),
		stacksRow(&f),
		codeRow(&f),
		gcRow(&f),
		nativeRow(&f),
		fileRow(&f, rows.Libraries, pages.libraries, ranges.Library),
		othersRow(&f),
		fileRow(&f, rows.MappedFiles, pages.mapped, ranges.MappedFile, ranges.SharedMem),
		cgroupRow(rows.Shmem, pages.shmem),
		cgroupRow(rows.PageCache, pages.cache),
		kernelRow(&f),
	}
	if c.UsageBytes != nil {
		rest := *c.UsageBytes
		for _, row := range c.Memory {
			if row.Bytes != nil {
				rest -= *row.Bytes
			}
		}
		c.UnattributedBytes = &rest
	}
	for i := range f.JVMs {
		j := describe(&f.JVMs[i])
		if c.Row(rows.Native).Bytes != nil {
			j.MallocWalkedAt = walkedAt(&f.JVMs[i], f.named(ranges.VMKinds()...))
		}
		c.JVMs = append(c.JVMs, j)
		c.Sources = append(c.Sources, f.JVMs[i].Sources...)
	}
	return c
}

// numbers copies the cgroup's numbers about the container as a whole.
func (c *Container) numbers(f *Facts) {
	m := f.Memory
	if m == nil {
		return
	}
	c.UsageBytes = new(m.UsageBytes)
	c.LimitBytes = m.LimitBytes
	c.Limited = new(m.LimitBytes != nil)
	c.WorkingSetBytes = m.WorkingSetBytes()
	c.RSSBytes = m.RSSBytes()
	c.ReclaimableBytes = m.ReclaimableBytes()
	c.PeakBytes = m.PeakBytes
	c.SwapBytes = m.SwapBytes
	c.OOMKills = m.Events.OOMKills
	c.RefaultBytes, c.MajorFaults = m.Pressure.RefaultBytes, m.Pressure.MajorFaults
	if m.Pressure.Stalled != nil {
		c.StalledSeconds = new(m.Pressure.Stalled.Seconds())
	}
	if c.LimitBytes != nil && c.WorkingSetBytes != nil {
		c.HeadroomBytes = new(*c.LimitBytes - *c.WorkingSetBytes)
	}
}

func describe(f *jvm.Facts) JVM {
	j := JVM{
		PID: f.PID, NSPID: f.NSPID, StartTicks: f.StartTicks, Version: f.Version, GC: f.Collector,
		UptimeSeconds: f.UptimeSeconds, CPUSeconds: f.CPUSeconds, CollectionSeconds: f.CollectionSeconds, CollectionCPUSeconds: f.CollectionCPUSeconds, NMT: f.NMT, Flags: f.Flags, LoadedClasses: f.Classes, Heap: f.Heap, OldGeneration: f.Old, Responded: f.Responded, State: f.State,
	}
	j.Threads.Live, j.Threads.Pools, j.Threads.Idle = f.Threads.Live, f.Threads.Pools, f.Threads.Idle
	return j
}

// anonRow is the private memory in ranges of some kinds.
func anonRow(f *Facts, name rows.Name, kinds ...ranges.Kind) Row {
	row := Row{Name: name}
	if f.named(kinds...) {
		row.Bytes = new(f.anon(kinds...))
		row.ReservedBytes = new(f.reserved(kinds...))
		row.Source = rangeSource(f)
	}
	return row
}

// rangeSource names the weakest source of ranges among the JVMs.
func rangeSource(f *Facts) string {
	rank := map[ranges.Source]int{ranges.FromNMT: 1, ranges.FromCommands: 2, ranges.FromStructs: 3, ranges.FromPatterns: 4}
	var worst ranges.Source
	for i := range f.JVMs {
		if r := f.JVMs[i].Ranges; rank[r] > rank[worst] {
			worst = r
		}
	}
	return string(worst)
}

func heapRow(f *Facts, pages filePages) Row {
	row := anonRow(f, rows.Heap, ranges.Heap)
	if row.Bytes != nil {
		*row.Bytes += pages.heapFile
	}
	row.addUsage(f, func(j *jvm.Facts) []*jvm.Usage { return []*jvm.Usage{j.Heap} })
	return row
}

func metaspaceRow(f *Facts) Row {
	row := anonRow(f, rows.Metaspace, ranges.Metaspace, ranges.ClassSpace)
	if row.Bytes != nil {
		// Class data sharing has no range where it is switched off.
		*row.Bytes += f.anon(ranges.CDS)
		*row.ReservedBytes += f.reserved(ranges.CDS)
		row.Detail = []Detail{
			{Name: rows.NonClass, Bytes: new(f.anon(ranges.Metaspace))},
			{Name: rows.ClassSpace, Bytes: new(f.anon(ranges.ClassSpace))},
			{Name: rows.CDSArchive, Bytes: new(f.anon(ranges.CDS))},
		}
	}
	row.addUsage(f, func(j *jvm.Facts) []*jvm.Usage { return []*jvm.Usage{j.Metaspace, j.ClassSpace} })
	return row
}

// cgroupRow is a row that the cgroup reports.
func cgroupRow(name rows.Name, bytes *int64) Row {
	row := Row{Name: name, Bytes: bytes}
	if bytes != nil {
		row.Source = "cgroup"
	}
	return row
}

func stacksRow(f *Facts) Row { return anonRow(f, rows.Threads, ranges.Stack) }

func codeRow(f *Facts) Row {
	row := anonRow(f, rows.CodeCache, ranges.Code)
	row.addUsage(f, func(j *jvm.Facts) []*jvm.Usage { return []*jvm.Usage{j.CodeCache} })
	return row
}

func gcRow(f *Facts) Row {
	row := anonRow(f, rows.GC, ranges.GC)
	row.addUsage(f, func(j *jvm.Facts) []*jvm.Usage {
		if j.Report == nil {
			return []*jvm.Usage{nil}
		}
		gc, _ := j.Report.Category("GC")
		return []*jvm.Usage{{CommittedBytes: &gc.MmapCommittedBytes}}
	})
	return row
}

// addUsage adds the row's sizes as HotSpot reports them: the sum over the JVMs and their
// spaces. A size that one of them does not report is unknown.
func (row *Row) addUsage(f *Facts, spaces func(*jvm.Facts) []*jvm.Usage) {
	var used, committed int64
	usedKnown, committedKnown := true, true
	for i := range f.JVMs {
		for _, u := range spaces(&f.JVMs[i]) {
			if u == nil {
				return
			}
			if usedKnown = usedKnown && u.UsedBytes != nil; usedKnown {
				used += *u.UsedBytes
			}
			if committedKnown = committedKnown && u.CommittedBytes != nil; committedKnown {
				committed += *u.CommittedBytes
			}
		}
	}
	if usedKnown {
		row.UsedBytes = &used
	}
	if committedKnown {
		row.CommittedBytes = &committed
	}
}

func othersRow(f *Facts) Row {
	row := Row{Name: rows.OtherProcesses}
	pages, all := f.others()
	switch {
	case f.CgroupVersion == 0, f.Memory == nil && !f.mapped() && len(f.Others) == 0: // the processes of the container are unknown, or nothing of it can be read
	case all:
		row.Bytes, row.Source = &pages.AnonBytes, "smaps"
		commands := make(map[string]int64)
		for _, p := range f.Others {
			commands[p.Command] += p.Pages.AnonBytes
		}
		row.Detail = sorted(commands)
	case f.mapped() && f.Memory != nil && f.Memory.AnonBytes != nil:
		// What is charged as private memory and does not belong to the JVMs.
		row.Bytes, row.Source = new(max(0, *f.Memory.AnonBytes-f.jvmBytes())), "cgroup"
	}
	return row
}
