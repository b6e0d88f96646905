package owners

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm/malloc"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/resident"
	"github.com/jvmem/jvmem/jvm/vmstructs"
)

const (
	// probeReads bounds the walk that finds out which headers of NMT there are, probeOther
	// that with another allocator than glibc's, which reads the caches of all threads first.
	probeReads   = 2048
	probeOther   = 1 << 16
	trackingFlag = "NativeMemoryTracking"
	// minFree and maxFree bound the free blocks that are remembered: 0.5 MiB.
	minFree, maxFree = 16 << 10, 16 << 10
)

// process is what is looked at, as it was when it was opened.
type process struct {
	*memory
	target    Target
	status    proc.Status
	mappings  []pages.Mapping
	libraries libraries
	areas     malloc.Areas
	mallocs   []ranges.Range // the same, sorted
	lookup    *malloc.Lookup // nil: the allocator is glibc's
	headers   malloc.Headers
	stacks    []ranges.Range
	free      []ranges.Range // large free blocks, in the last walk, sorted
	unknown   []ranges.Range // anonymous memory of which nothing is known
	heap      []heapSpan
	feature   int                // of the JDK, 0: unknown
	tracking  string             // the flag NativeMemoryTracking; "": unknown
	structs   *vmstructs.Reader  // nil: HotSpot's tables cannot be read
	classes   *vmstructs.Classes // nil: no class can be named
	sizes     map[uint64]int64   // blocks in use by size, without those of NMT
	// details are those of targets that were looked up.
	details map[uint64]string
	closers []func() error
}

// heapSpan is a part of the Java heap.
type heapSpan struct {
	start, end uint64
	// shared: it is mapped from ZGC's heap file at an offset, maybe not only here.
	shared bool
	offset uint64
}

func open(t Target, b malloc.Budget) (*process, error) {
	p := &process{target: t, details: make(map[uint64]string)}
	if err := p.open(b); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *process) open(b malloc.Budget) (err error) {
	t := p.target
	if p.status, err = proc.ReadStatus(t.Proc, t.PID); err != nil {
		return err
	}
	dir := filepath.Join(t.Proc, strconv.Itoa(t.PID))
	pagemap, err := pages.OpenPagemap(filepath.Join(dir, "pagemap"))
	if err != nil {
		return proc.Gone(t.PID, err)
	}
	p.closers = append(p.closers, pagemap.Close)
	mem, err := proc.Open(filepath.Join(dir, "mem"))
	if err != nil {
		return proc.Gone(t.PID, err)
	}
	p.closers = append(p.closers, mem.Close)
	var reader resident.Memory
	if p.mappings, _, err = reader.Read(dir, pagemap, p.status.HugetlbBytes > 0, nil); err != nil {
		return proc.Gone(t.PID, err)
	}
	p.memory = newMemory(mem, pagemap, b)
	p.libraries = findLibraries(p.mappings, p.memory)
	if err := p.locate(p.openStructs()); err != nil {
		return err
	}
	return p.probe()
}

func (p *process) close() {
	for _, c := range p.closers {
		_ = c() // nothing was written
	}
}

// openStructs reads what HotSpot's tables say of its ranges; without them no Java class is named.
func (p *process) openStructs() (r ranges.Reported) {
	vm := p.libraries.byName["libjvm.so"]
	if vm == nil {
		return r
	}
	structs, err := vmstructs.Open(vmstructs.Options{Proc: p.target.Proc, PID: p.target.PID, Base: vm.base, Classes: true, Metadata: true, Flags: []string{trackingFlag}})
	if err != nil {
		return r
	}
	p.closers = append(p.closers, structs.Close)
	if version, err := structs.Version(); err == nil {
		p.feature = version.Feature
	}
	if flag, err := structs.Flag(trackingFlag); err == nil {
		p.tracking, _ = flag.Value.(string)
	}
	p.structs = structs
	p.classes, _ = structs.Classes()
	snapshot, _ := structs.Read(false) // what could be read is used
	metadata, _ := structs.Metadata(vmstructs.MaxClasses)
	return ranges.Reported{Structs: snapshot.Ranges, ConstantPools: metadata.ConstantPools, Classes: metadata.Classes, Major: p.feature}
}

// locate finds malloc's memory and the Java heap.
func (p *process) locate(reported ranges.Reported) (err error) {
	areas := malloc.NewAreas(p.mappings, nil)
	find := func(search malloc.Search) ranges.FindMalloc {
		return func(spans []ranges.Range, _ []int64) ([]ranges.Range, error) {
			return search(p.source, p.pages, areas, spans)
		}
	}
	reported.StackBytes = proc.StackBytes(p.target.Proc, p.target.PID)
	all := reported.Map(p.mappings, uint64(os.Getpagesize()), find(malloc.Arenas), find(malloc.Find))
	p.areas = malloc.NewAreas(p.mappings, all.Malloc)
	if p.areas.Allocator == malloc.Glibc {
		p.mallocs = append(slices.Clone(all.Malloc), p.areas.Brk)
		slices.SortFunc(p.mallocs, func(a, b ranges.Range) int { return cmp.Compare(a.Start, b.Start) })
	} else if err = p.locateOther(); err != nil {
		return err
	}
	p.unknown, _ = ranges.UnknownSpans(p.mappings, ranges.Merge(all.Ranges, p.mallocs))
	file := ranges.MapsHeapFile(p.mappings)
	for _, r := range all.Ranges {
		switch {
		case r.Kind == ranges.Stack:
			p.stacks = append(p.stacks, r)
		case r.Kind == ranges.Heap && !file:
			p.heap = append(p.heap, heapSpan{start: r.Start, end: r.End})
		}
	}
	for i := range p.mappings {
		if m := &p.mappings[i]; strings.HasPrefix(m.Path, ranges.HeapFile) {
			p.heap = append(p.heap, heapSpan{m.Start, m.End, true, m.Offset})
		}
	}
	return nil
}

// locateOther finds the memory of an allocator that is not glibc's.
func (p *process) locateOther() (err error) {
	var reads int
	p.mallocs, reads, err = malloc.Memory(p.source, p.pages, p.areas, p.budget())
	if p.left -= reads; err != nil {
		return err
	}
	p.lookup, err = malloc.NewLookup(p.source, p.pages, p.areas, p.budget())
	return err
}

// probe finds out which headers of NMT there are, by a part of the blocks.
func (p *process) probe() error {
	var split malloc.Split
	b := p.budget()
	if p.lookup == nil {
		b.Reads = min(b.Reads, probeReads)
	} else {
		b.Reads = min(b.Reads, probeOther)
	}
	totals, err := malloc.Walk(p.source, p.pages, p.areas, b, split.Add)
	p.left -= totals.Reads
	p.headers = split.Result(malloc.JVM{Feature: p.feature, NMT: p.tracking}).Headers
	if err != nil && !errors.Is(err, malloc.ErrBudget) {
		return err
	}
	return nil
}

// walk calls see for each block in use, and remembers the large ones that are free. reason says
// why not all of them were seen.
func (p *process) walk(see func(*malloc.Block)) (reason string, err error) {
	p.free = p.free[:0]
	totals, err := malloc.Walk(p.source, p.pages, p.areas, p.budget(), func(b *malloc.Block) {
		if b.State == malloc.InUse {
			see(b)
		} else if b.Bytes >= minFree && len(p.free) < maxFree {
			p.free = append(p.free, ranges.Range{Start: b.Addr, End: b.End()})
		}
	})
	p.left -= totals.Reads
	p.free = ranges.Merge(p.free)
	switch {
	case errors.Is(err, malloc.ErrBudget):
		p.err = err
		return err.Error(), nil
	case err != nil:
		return "", err
	case !totals.Complete():
		return fmt.Sprintf("%s of malloc's memory changed while it was read, and %s was not found", size(totals.LostBytes), size(totals.UnseenBytes)), nil
	}
	return "", nil
}

// snapshotOf begins a Snapshot.
func (p *process) snapshot() *Snapshot {
	return &Snapshot{Schema: Schema, Time: time.Now(), PID: p.status.PID, StartTicks: p.status.StartTicks, Kinds: []Kind{}}
}
