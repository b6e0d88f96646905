package jvm

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm/malloc"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/resident"
	"github.com/jvmem/jvmem/jvm/threads"
	"github.com/jvmem/jvmem/jvm/vmstructs"
)

// counted holds what a Process keeps of its last count. Only Resident writes it.
type counted struct {
	facts   Facts
	sources []Source      // of the count
	stacks  map[int]int64 // bytes, by thread
	threads int           // live
	// indicators are those at that time; nil: the count cannot be reused.
	indicators *resident.Indicators
	arenas     *resident.Arenas // nil: they cannot be counted alone
	reused     int

	// Needed by the next Query and count, also if this count cannot be reused.
	malloced  malloced // may be newer than the count, as Reuse counts the arenas alone
	unknown   resident.Unknown
	growth    resident.Decision
	heap      resident.Heap
	malloc    []ranges.Range // glibc's, without [heap]
	mallocErr error          // why it is incomplete
	blocks    bool           // malloc's blocks may be walked through: all of its memory is in malloced
	mixed     bool           // malloced is not malloc's alone
}

// malloced is malloc's resident memory, and what was reported about it at that time.
type malloced struct {
	resident.Malloced         // with another allocator than glibc's, with all that native code mapped
	malloc            *Malloc // nil: unknown
}

func mallocedOf(kinds map[ranges.Kind]resident.Bytes, f *Facts) malloced {
	m := malloced{resident.Malloced{ResidentBytes: resident.MallocBytes(kinds)}, f.Malloc}
	if f.Report != nil {
		m.TrackedBytes = new(f.Report.MallocedBytes())
	}
	return m
}

// indicators returns the indicators of the answers, which need no pages.
func (a *Answers) indicators() resident.Indicators {
	return resident.Indicators{
		AnonBytes: a.status.RssAnonBytes, FileBytes: a.status.RssFileBytes, ShmemBytes: a.status.RssShmemBytes,
		SwapBytes: a.status.SwapBytes, PageTablesBytes: a.status.PageTablesBytes,
		NMT: a.Facts.Report, ThreadsStarted: a.started, AgeSeconds: a.Facts.UptimeSeconds,
	}
}

// classCounts is nil if they are unknown.
func (a *Answers) classCounts() *vmstructs.ClassCounts {
	if a.loaded == nil || a.unloaded == nil {
		return nil
	}
	n := &vmstructs.ClassCounts{Loaded: *a.loaded, Unloaded: *a.unloaded}
	if a.Facts.Report != nil {
		of, _ := a.Facts.Report.Category("Class")
		n.ReservedBytes = of.MmapReservedBytes
	}
	return n
}

// Reuse completes the answers with the last count, without reading pages but those of malloc's
// arenas. The decision is Use; if it is Count, call Resident: something moved by more than tolerance
// bytes. The stacks of threads that started since then are unknown.
func (p *Process) Reuse(a *Answers, tolerance int64) (Facts, resident.Decision) {
	c := &p.counted
	decision := p.policy.Reuse(c.indicators, a.indicators(), c.reused, tolerance)
	kinds := c.facts.Resident
	switch {
	case c.arenas == nil || c.indicators == nil:
	case decision.Action == resident.Count:
		kinds, decision = p.reuseRest(a, tolerance)
	default: // what moved meanwhile is as it was
		c.malloced = mallocedOf(kinds, &c.facts)
	}
	if decision.Action != resident.Use {
		return Facts{}, decision
	}
	c.reused++
	f := a.facts()
	f.Threads = c.facts.Threads
	if !a.sameThreads || c.threads != a.status.Threads {
		var err error
		if f.Threads, err = p.readThreads(a, c.stacks, false); err != nil {
			return Facts{}, resident.Decision{Action: resident.Count, Reason: "the threads could not be read"}
		}
	}
	p.lookAtThreads(&f, time.Now())
	f.Resident, f.SwapBytes, f.HeapFileBytes = kinds, c.facts.SwapBytes, c.facts.HeapFileBytes
	f.Ranges, f.Named = c.facts.Ranges, c.facts.Named
	f.Sources = append(f.Sources, c.sources...)
	f.reportBlocks(p)
	return f, decision
}

// reuseRest decides to use the last count for all but malloc's arenas, whose pages it counts: first
// those that may be new alone. Where a walk through malloc's blocks is due then, all is counted.
func (p *Process) reuseRest(a *Answers, tolerance int64) (map[ranges.Kind]resident.Bytes, resident.Decision) {
	c := &p.counted
	with := func(arenaBytes int64) resident.Decision {
		now := a.indicators()
		now.ArenaBytes = &arenaBytes
		return p.policy.Reuse(c.indicators, now, c.reused, tolerance)
	}
	moved := a.status.RssAnonBytes - c.indicators.AnonBytes
	decision := with(*c.indicators.ArenaBytes + moved)
	if decision.Action != resident.Use {
		return nil, decision // whatever they hold
	}
	var bytes int64
	for _, count := range []func(string, *pages.Scan) (int64, bool){c.arenas.CountGrown, c.arenas.Count} {
		var ok bool
		if bytes, ok = count(p.Dir(), &p.arenaScan); !ok {
			return nil, resident.Decision{Action: resident.Count, Reason: "malloc's arenas changed"}
		}
		if decision = with(bytes); decision.Action == resident.Use {
			break
		}
	}
	if decision.Action != resident.Use {
		return nil, decision
	}
	kinds := maps.Clone(c.facts.Resident) // the last count remains what it was
	arenas := kinds[ranges.MallocArena]
	arenas.AnonBytes = bytes
	kinds[ranges.MallocArena] = arenas
	c.malloced = mallocedOf(kinds, &a.Facts)
	if p.BlocksDue() {
		return nil, resident.Decision{Action: resident.Count, Reason: "a walk through malloc's blocks is due"}
	}
	return kinds, decision
}

// facts returns the answers' facts, to be completed.
func (a *Answers) facts() Facts {
	f := a.Facts
	f.Sources = slices.Clip(f.Sources)
	return f
}

// Resident completes the answers with the JVM's threads and a count of its resident
// pages by range. The decision is Use, or Query if there is memory newer than the
// query that only the JVM can explain: the facts are correct, but a Query and another
// Resident explain more.
// Sources that fail are recorded in the facts; ErrGone: the process ended.
func (p *Process) Resident(a *Answers) (Facts, resident.Decision, error) {
	// A count that fails keeps the values that it could not renew.
	last := p.counted
	p.counted = counted{malloced: last.malloced, unknown: last.unknown, heap: last.heap, malloc: last.malloc, mallocErr: last.mallocErr}
	f := a.facts()

	reported := p.readRanges(a, &f)
	pagemap, pagemapErr := pages.OpenPagemap(filepath.Join(p.Dir(), "pagemap"))
	if pagemapErr == nil {
		defer pagemap.Close()
	}
	var skip []pages.Span
	if p.policy.CountHeap(last.heap, p.queried.times, a.Facts.UptimeSeconds, a.status.SwapBytes).Action == resident.Use {
		skip = last.heap.Spans
	}
	mappings, source, err := p.memory.Read(p.Dir(), pagemap, a.status.HugetlbBytes > 0, skip)
	if err != nil {
		if err = proc.Gone(a.status.PID, err); errors.Is(err, ErrGone) {
			return f, resident.Decision{}, err
		}
		f.failed(SourceSmaps, err, p.permissionFix(err))
		f.Threads, err = p.readThreads(a, nil, true)
		return f, resident.Decision{}, err
	}
	f.worked(SourceSmaps)
	if p.mounts == nil || a.renew && p.queried.times > 1 {
		if err := p.readMounts(); err != nil {
			return f, resident.Decision{}, err
		}
	}
	var counter resident.PageCounter
	switch {
	case errors.Is(proc.Gone(a.status.PID, pagemapErr), ErrGone):
		return f, resident.Decision{}, ErrGone
	case pagemapErr != nil:
		f.failed(SourcePagemap, fmt.Errorf("mappings of several kinds are not split: %w", pagemapErr), p.permissionFix(pagemapErr))
	default:
		counter = source
		f.worked(SourcePagemap)
	}
	find := mallocFinder{mem: filepath.Join(p.Dir(), "mem"), source: source, mappings: mappings, renew: a.renew}
	named := reported.Map(mappings, uint64(os.Getpagesize()), find.in(&p.arenas), find.in(&p.chunks))
	f.Ranges, f.Named = named.Source, named.Complete
	f.reportMissing(named.Missing())
	counts := resident.CountPages(mappings, named.Ranges, p.mounts.Tmpfs, counter)
	if counts.Err != nil {
		f.failed(SourcePagemap, counts.Err, "")
	}
	if f.HeapDerived, err = p.countHeap(&counts, named.Ranges, mappings); err != nil {
		return f, resident.Decision{}, err
	}
	if p.memory.Skipped() && !f.HeapDerived {
		p.CountHeap()
		return p.Resident(a)
	}
	f.Resident, f.SwapBytes = counts.Kinds, counts.SwapBytes
	if ranges.MapsHeapFile(mappings) {
		f.readHeapFile(p)
	}
	// The mappings of a process that dies end at any of them.
	if !proc.HasMemory(p.proc, a.status.PID) {
		return f, resident.Decision{}, fmt.Errorf("process %d: %w", a.status.PID, ErrGone)
	}
	if f.Threads, err = p.readThreads(a, counts.Stacks, true); err != nil {
		return f, resident.Decision{}, err
	}
	p.lookAtThreads(&f, time.Now())
	unknown, growth := p.policy.Growth(last.unknown, counts.Kinds[ranges.Unknown].AnonBytes)
	p.counted = counted{
		malloced: mallocedOf(counts.Kinds, &f), unknown: unknown, growth: growth, heap: p.counted.heap, malloc: named.Malloc, mallocErr: named.MallocErr,
		blocks: slices.Contains(named.Complete, ranges.MallocArena),
	}
	if other := otherAllocator(named.MallocErr); other != nil && len(named.Missing()) == 0 && malloc.ByName(other.Name) != malloc.Unsupported {
		p.counted.malloced.ResidentBytes += counts.Kinds[ranges.Unknown].AnonBytes
		p.counted.blocks, p.counted.mixed = true, true
	}
	if growth.Action == resident.Use {
		p.counted.facts, p.counted.sources, p.counted.stacks = f, slices.Clone(f.Sources[len(a.Facts.Sources):]), counts.Stacks
		p.counted.threads, p.counted.indicators = a.status.Threads, new(a.indicators())
		if p.counted.blocks && !p.counted.mixed {
			p.counted.arenas = resident.CountedArenas(p.Dir(), &named, mappings, &counts, source)
		}
		if p.counted.arenas != nil {
			p.counted.indicators.ArenaBytes = new(counts.Kinds[ranges.MallocArena].AnonBytes)
		}
	}
	f.reportBlocks(p)
	return f, growth, nil
}

// countHeap completes counts for which the pages of the heap were skipped. It is derived if
// its size is then known. After a count of all pages it keeps what the next one needs.
func (p *Process) countHeap(counts *resident.Counts, list []ranges.Range, mappings []pages.Mapping) (derived bool, err error) {
	status, err := proc.ReadStatus(p.proc, p.status.PID)
	if err != nil {
		return false, err
	}
	now := p.policy.HeapOf(list, counts, status.RssAnonBytes, p.queried.times)
	if p.memory.Skipped() {
		same := slices.Equal(now.Spans, p.counted.heap.Spans)
		return same && status.SwapBytes == 0 && counts.AddHeap(status.RssAnonBytes), nil
	}
	if ranges.MapsHeapFile(mappings) { // ZGC's heap is that file
		now.Spans = nil
	}
	now.Doubted = p.counted.heap.Doubted
	p.counted.heap = now
	return false, nil
}

// CountHeap makes the next Resident, and those of some samples, count the pages of the heap:
// that it was derived did not add up.
func (p *Process) CountHeap() { p.counted.heap = resident.Heap{Doubted: p.queried.times} }

// readRanges adds the ranges in HotSpot's own tables to those that the JVM reported.
func (p *Process) readRanges(a *Answers, f *Facts) ranges.Reported {
	r := a.ranges
	if p.structs == nil {
		f.failed(SourceVMStructs, p.structsErr, p.permissionFix(p.structsErr))
		return r
	}
	snapshot, err := p.structs.Read(a.sameThreads && !a.renew)
	p.javaThreads = snapshot.Threads
	if err = errors.Join(append(snapshot.Errors, err)...); err != nil {
		f.failed(SourceVMStructs, err, "")
	} else {
		f.worked(SourceVMStructs)
	}
	if r.Structs = snapshot.Ranges; r.Structs == nil {
		r.Structs = []ranges.Range{}
	}
	if r.Source() == ranges.FromStructs {
		metadata := p.metadata.Find(p.structs, a.classCounts(), a.renew)
		r.ConstantPools, r.Classes = metadata.ConstantPools, metadata.Classes
	}
	return r
}

// mallocFinder looks for malloc's memory in a process.
type mallocFinder struct {
	mem      string // /proc/<pid>/mem
	source   resident.PageSource
	mappings []pages.Mapping
	renew    bool
}

var errNoPagemap = errors.New("no permission to read pagemap")

func (m mallocFinder) in(c *malloc.Cache) ranges.FindMalloc {
	return func(spans []ranges.Range, bytes []int64) ([]ranges.Range, error) {
		if m.source == nil {
			return nil, errNoPagemap
		}
		return c.Find(m.mem, m.source, m.mappings, spans, bytes, m.renew)
	}
}

// reportMissing records which kinds of memory no source reports.
func (f *Facts) reportMissing(kinds []ranges.Kind) {
	if len(kinds) == 0 {
		f.worked(SourceRanges)
		return
	}
	var names []string
	for _, kind := range kinds {
		names = append(names, kind.String())
	}
	fix := "allow jvmem to attach to the JVM: see the source attach"
	if f.Major == 8 { // it lacks the commands that report ranges
		fix = "start the JVM with -XX:NativeMemoryTracking=detail"
	}
	f.failed(SourceRanges, errors.New("no source reports the address ranges of "+strings.Join(names, ", ")+": that memory is unattributed"), fix)
}

// readHeapFile reads the size of ZGC's heap file. Without it the heap is unknown.
func (f *Facts) readHeapFile(p *Process) {
	bytes, err := resident.HeapFileBytes(filepath.Join(p.Dir(), "fd"))
	if err != nil {
		f.Named = slices.DeleteFunc(f.Named, func(k ranges.Kind) bool { return k == ranges.Heap })
		f.failed(SourceHeapFile, err, p.permissionFix(err))
		return
	}
	f.HeapFileBytes = &bytes
	f.worked(SourceHeapFile)
}

// lookAtThreads adds what the CPU time of some threads shows. That of the collector's is added where the
// JVM does not count it; of concurrent collectors it is left unknown.
func (p *Process) lookAtThreads(f *Facts, now time.Time) {
	all := p.threads.Last()
	f.Threads.Idle = p.idle.Look(p.Dir(), f.Threads.Pools, all, now)
	if f.CollectionCPUSeconds != nil || !slices.Contains([]string{"Serial", "Parallel", "G1", "CMS"}, f.Collector) {
		return
	}
	if seconds, ok := p.collecting.Seconds(p.Dir(), all, now); ok {
		f.CollectionCPUSeconds = &seconds
	}
}

// readThreads returns the threads with their stacks, where known. counted: HotSpot's list
// of threads was just read.
func (p *Process) readThreads(a *Answers, stacks map[int]int64, counted bool) (Threads, error) {
	list := p.threads.Last()
	// If there are as many as before, and no Java thread started, they are the same, except
	// that a thread of the JVM itself may have replaced another.
	if !a.sameThreads || a.renew || len(list) != a.status.Threads {
		var err error
		if list, err = p.threads.Read(p.proc, a.status.PID); err != nil {
			return Threads{}, err
		}
	}
	p.nameThreads(counted)
	if a.status.NSPID != a.status.PID && len(stacks) > 0 { // stacks has the JVM's own thread IDs
		own := stacks
		stacks = make(map[int]int64, len(own))
		for _, t := range list {
			if id, ok := p.OwnThreadID(t); ok {
				if stack, ok := own[id]; ok {
					stacks[t.ID] = stack
				}
			}
		}
	}
	pools := threads.Pools(list, stacks)
	for i := range pools {
		pools[i].Name = Printable(pools[i].Name, maxTextBytes)
	}
	return Threads{Live: len(list), Pools: pools}, nil
}

// errNotCounted is why malloc's memory is unknown before the first count.
var errNotCounted = errors.New("the JVM's pages were not counted yet")
