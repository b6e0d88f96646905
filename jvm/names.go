package jvm

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/malloc"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/threads"
	"github.com/jvmem/jvmem/jvm/vmstructs"
)

// rangeNames are the named ranges of a JVM before its mappings are looked at.
type rangeNames struct {
	source RangeSource
	// lists are of falling precedence.
	lists [][]ranges.Range
	// metadata are addresses of class metadata, by which metaspace is found if
	// no list names it.
	metadata vmstructs.Metadata
	named    []ranges.Kind
}

// nameRanges finds the named ranges of the JVM as it is now.
func (p *Process) nameRanges(f *Facts) {
	p.names = bestRanges(p.answers, p.readStructs(f))
	if p.names.source == FromStructs {
		// An error leaves metaspace without a name.
		p.names.metadata, _ = p.structs.Metadata(maxClasses)
	}
}

// bestRanges takes the best source that answered.
func bestRanges(a answers, s *vmstructs.Snapshot) rangeNames {
	n := rangeNames{source: FromPatterns}
	var structs, stacks []ranges.Range
	if s != nil {
		n.source = FromStructs
		for _, r := range s.Ranges {
			if r.Kind == ranges.Stack {
				stacks = append(stacks, r) // with their owners: before all others
			} else {
				structs = append(structs, r)
			}
		}
	}
	n.lists = [][]ranges.Range{stacks, a.virtual, a.heap, a.code, a.nodes, a.info, structs}
	switch {
	case a.current && a.virtual != nil:
		n.source, n.named = FromNMT, ranges.VMKinds()
	case a.current && a.info != nil && a.code != nil && a.nodes != nil:
		n.source, n.named = FromCommands, ranges.VMKinds()
	default:
		// Not metaspace: it may have new nodes.
		for _, kind := range []ranges.Kind{ranges.Heap, ranges.Code} {
			n.nameIf(kind, a.virtual, a.heap, a.code, a.info, structs)
		}
		// HotSpot's tables hold the card table only.
		n.nameIf(ranges.GC, a.virtual, a.info)
	}
	return n
}

// nameIf adds a kind that one of the lists has ranges of.
func (n *rangeNames) nameIf(kind ranges.Kind, lists ...[]ranges.Range) {
	for _, list := range lists {
		if slices.ContainsFunc(list, func(r ranges.Range) bool { return r.Kind == kind }) {
			n.named = append(n.named, kind)
			return
		}
	}
}

// nameMappings adds what only the mappings show, and returns all ranges.
func (p *Process) nameMappings(f *Facts, source pageSource) []ranges.Range {
	known := ranges.Merge(p.names.lists...)
	// Before the stacks: above the unused rest of a full arena, the next one looks
	// like a stack above its guard. An error is found again with the chunks.
	arenas, _ := p.findMalloc(malloc.Arenas, &p.arenas, known, source)
	known = ranges.Merge(known, arenas)
	stacks, sure := stackPatterns(p.mappings, known, p.nativeStack)
	known = ranges.Merge(known, stacks)
	named := slices.Clone(p.names.named)
	if sure {
		named = append(named, ranges.Stack)
	}
	if p.mapsHeapFile() && !slices.Contains(named, ranges.Heap) {
		named = append(named, ranges.Heap)
	}
	var nodes []ranges.Range
	if len(p.names.metadata.ConstantPools) > 0 {
		nodes = metaspaceByClasses(p.mappings, known, p.names.metadata, f.Major)
		known = ranges.Merge(known, nodes)
		named = append(named, ranges.Metaspace, ranges.ClassSpace)
	}
	found, err := p.findMalloc(malloc.Find, &p.chunks, known, source)
	// Where all else has a name, what the search did not reach is no other
	// kind's: it counts as mmapped by native code.
	reached := err == nil || (errors.Is(err, malloc.ErrBounded) && slices.Contains(named, ranges.GC))
	if reached && usesGlibcMalloc(p.mappings) {
		named = append(named, ranges.MallocArena, ranges.MallocChunk)
	}
	p.malloc, p.mallocErr = slices.Concat(arenas, found), err
	if !usesGlibcMalloc(p.mappings) {
		p.mallocErr = errNotGlibc
	}
	known = ranges.Merge(known, found)
	if f.Major < elasticMajor {
		known = ranges.Merge(known, widen(p.mappings, known, nodes))
	}
	f.Ranges, f.Named = p.names.source, named
	f.reportUnnamed()
	return known
}

// reportUnnamed says which kinds of memory no source could name.
func (f *Facts) reportUnnamed() {
	var missing []string
	for _, kind := range append(ranges.VMKinds(), ranges.MallocArena) {
		if !slices.Contains(f.Named, kind) && (kind != ranges.MallocArena || f.Ranges == FromStructs || f.Ranges == FromPatterns) {
			missing = append(missing, kind.String())
		}
	}
	if len(missing) == 0 {
		f.worked(SourceRanges)
		return
	}
	fix := "let jvmem attach to the JVM: see the source attach"
	if f.Major == 8 { // it lacks the commands that name ranges
		fix = "start the JVM with -XX:NativeMemoryTracking=detail"
	}
	f.Sources = append(f.Sources, Source{
		Name: SourceRanges, PID: f.PID, Fix: fix,
		Reason: "nothing names the ranges of " + strings.Join(missing, ", ") + ": that memory is in unattributed",
	})
}

var (
	errNoPagemap = errors.New("pagemap may not be read")
	errNotWalked = errors.New("its memory was not walked yet")
	errNotGlibc  = errors.New("malloc is not glibc's")
)

// mallocSearch is one search for malloc's headers and where it looked.
type mallocSearch struct {
	spans []ranges.Range
	bytes []int64 // resident in the mapping of each span
	found []ranges.Range
	err   error
}

// findMalloc looks for malloc's headers in memory that has no name yet. Where
// nothing was mapped nor touched since, last has the answer.
func (p *Process) findMalloc(
	find func(io.ReaderAt, malloc.Pages, []ranges.Range) ([]ranges.Range, error), last *mallocSearch, known []ranges.Range, source pageSource,
) ([]ranges.Range, error) {
	if source == nil {
		return nil, errNoPagemap
	}
	l := layout{ranges: known}
	var spans, parts []ranges.Range
	var bytes []int64
	for i := range p.mappings {
		m := &p.mappings[i]
		if !m.Anonymous() || m.Perm != pages.Read|pages.Write || m.AnonymousBytes == 0 {
			continue
		}
		parts = l.parts(m, ranges.Unknown, parts[:0])
		for _, part := range parts {
			if part.Kind == ranges.Unknown {
				spans, bytes = append(spans, part), append(bytes, m.AnonymousBytes)
			}
		}
	}
	if !p.renew() && slices.Equal(spans, last.spans) && slices.Equal(bytes, last.bytes) {
		return last.found, last.err
	}
	mem, err := os.Open(filepath.Join(p.proc, strconv.Itoa(p.status.PID), "mem"))
	if err != nil {
		return nil, err
	}
	defer mem.Close()
	found, err := find(mem, source, spans)
	*last = mallocSearch{spans, bytes, found, err}
	return found, err
}

// usesGlibcMalloc reports whether the C library is glibc and no other allocator
// took malloc's place.
func usesGlibcMalloc(mappings []pages.Mapping) bool {
	glibc := false
	for i := range mappings {
		name := filepath.Base(mappings[i].Path)
		switch {
		case name == "libc.so.6", strings.HasPrefix(name, "libc-2."):
			glibc = true
		case strings.HasPrefix(name, "libjemalloc"), strings.HasPrefix(name, "libtcmalloc"), strings.HasPrefix(name, "libmimalloc"):
			return false
		}
	}
	return glibc
}

// hostThreads translates stacks by the JVM's own thread IDs to the IDs that we
// see. In a shared PID namespace they are the same.
func (p *Process) hostThreads(list []threads.Thread, stacks map[int]int64) map[int]int64 {
	if p.status.NSPID == p.status.PID || len(stacks) == 0 {
		return stacks
	}
	out := make(map[int]int64, len(stacks))
	for _, t := range list {
		if id, ok := p.ownID(t); ok {
			if stack, ok := stacks[id]; ok {
				out[t.ID] = stack
			}
		}
	}
	return out
}

// ownID returns a thread's ID in the JVM's own PID namespace; not ok if the thread
// ended.
func (p *Process) ownID(t threads.Thread) (id int, ok bool) {
	if p.status.NSPID == p.status.PID {
		return t.ID, true
	}
	text, err := os.ReadFile(filepath.Join(p.proc, strconv.Itoa(p.status.PID), "task", strconv.Itoa(t.ID), "status"))
	if err != nil {
		return 0, false
	}
	s, err := proc.ParseStatus(bytes.NewReader(text))
	return s.NSPID, err == nil
}

// readHeapFile finds how much of its heap file ZGC has allocated: all of that is
// charged, mapped or not. Without it the heap is not known.
func (p *Process) readHeapFile(f *Facts, dir string) {
	if !p.mapsHeapFile() {
		return
	}
	bytes, err := findHeapFile(filepath.Join(dir, "fd"))
	if err != nil {
		f.Named = slices.DeleteFunc(f.Named, func(k ranges.Kind) bool { return k == ranges.Heap })
		f.failed(SourceHeapFile, err, p.fix(err))
		return
	}
	f.HeapFileBytes = &bytes
	f.worked(SourceHeapFile)
}

var errNoHeapFile = errors.New("the file of ZGC's heap is not among the JVM's descriptors: heap is unknown, its memory is in shmem")

// findHeapFile returns what the heap file in a /proc/<pid>/fd has allocated.
func findHeapFile(fds string) (allocatedBytes int64, err error) {
	entries, err := os.ReadDir(fds)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		name := filepath.Join(fds, e.Name())
		if target, err := os.Readlink(name); err != nil || !strings.HasPrefix(target, heapFile) {
			continue
		}
		var stat unix.Stat_t
		if err := unix.Stat(name, &stat); err == nil {
			return stat.Blocks * 512, nil
		}
	}
	return 0, errNoHeapFile
}

// mapsHeapFile reports whether the heap is ZGC's, a file in memory: no other
// source names its ranges.
func (p *Process) mapsHeapFile() bool {
	return slices.ContainsFunc(p.mappings, func(m pages.Mapping) bool { return strings.HasPrefix(m.Path, heapFile) })
}
