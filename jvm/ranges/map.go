package ranges

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/jvm/pages"
)

// Source is the origin of the kinds of address ranges.
type Source string

// The sources, best first.
const (
	// FromNMT: VM.native_memory detail reports every mmapped range.
	FromNMT Source = "nmt_detail"
	// FromCommands: VM.info, VM.metaspace and Compiler.codecache report all but some
	// small tables of HotSpot.
	FromCommands Source = "diagnostic_commands"
	// FromStructs: gHotSpotVMStructs has heap, code, CDS and Java stacks; metaspace and
	// malloc are recognized by their headers.
	FromStructs Source = "vm_structs"
	// FromPatterns: only stacks and malloc's memory are recognized, by their mappings.
	FromPatterns Source = "smaps_patterns"
)

// Reported holds the ranges of one JVM that the sources report. nil: that source does not
// report any.
type Reported struct {
	// Heap is of GC.heap_info, Code of Compiler.codecache.
	Heap, Code []Range
	// Info is of VM.info: heap, class space, CDS, and the collector's tables. Empty, but
	// not nil, where VM.info answers without ranges (ZGC on JDK 11).
	Info []Range
	// Nodes are those of metaspace, of VM.metaspace.
	Nodes []Range
	// NMT is of VM.native_memory detail.
	NMT []Range
	// Current: the JVM answered the last query, so that Nodes and NMT are complete.
	// Reservations stay where they are: what was reported earlier remains true.
	Current bool
	// Structs is of HotSpot's own tables (jvm/vmstructs); empty, but not nil, where they
	// were read and have no range.
	Structs []Range
	// ConstantPools and Classes are addresses of class metadata. Only FromStructs uses
	// them.
	ConstantPools, Classes []uint64
	// Major is the JDK's feature version, 0: unknown.
	Major int
	// StackBytes is the size of a native thread's stack, 0: unknown.
	StackBytes uint64
}

// Source returns the best source that reports ranges.
func (r *Reported) Source() Source {
	switch {
	case r.Current && r.NMT != nil:
		return FromNMT
	case r.Current && r.Info != nil && r.Code != nil && r.Nodes != nil:
		return FromCommands
	case r.Structs != nil:
		return FromStructs
	}
	return FromPatterns
}

// merged returns the reported ranges in whole pages, so that each page is counted once: the JVM
// reports stacks (musl; pages of 64 KiB) and bitmaps that end inside of a page. Java stacks have
// their threads: they come before all others.
func (r *Reported) merged(pageBytes uint64) []Range {
	var stacks, structs []Range
	for _, s := range r.Structs {
		if s.Kind == Stack {
			stacks = append(stacks, s)
		} else {
			structs = append(structs, s)
		}
	}
	lists := [][]Range{stacks, r.NMT, r.Heap, r.Code, r.Nodes, r.Info, structs}
	for i := range lists {
		lists[i] = wholePages(lists[i], pageBytes)
	}
	return Merge(lists...)
}

// complete returns the kinds all of whose ranges are reported.
func (r *Reported) complete() []Kind {
	if source := r.Source(); source == FromNMT || source == FromCommands {
		return VMKinds()
	}
	var kinds []Kind
	add := func(kind Kind, lists ...[]Range) {
		for _, list := range lists {
			if slices.ContainsFunc(list, func(r Range) bool { return r.Kind == kind }) {
				kinds = append(kinds, kind)
				return
			}
		}
	}
	// Not metaspace: it may have new nodes.
	add(Heap, r.NMT, r.Heap, r.Code, r.Info, r.Structs)
	add(Code, r.NMT, r.Heap, r.Code, r.Info, r.Structs)
	add(GC, r.NMT, r.Info) // HotSpot's tables have the card table only
	return kinds
}

// Map is the kinds of the ranges of a process.
type Map struct {
	Source Source
	Ranges []Range // sorted, disjoint
	// Complete are the kinds of anonymous memory whose ranges are all known.
	Complete []Kind
	// Malloc is glibc's memory, without [heap]; incomplete if MallocErr is not nil.
	Malloc    []Range
	MallocErr error
}

// ErrBounded is the error of a search for malloc's memory that ended early: the result is
// correct, but more of the memory may be malloc's.
var ErrBounded = errors.New("too many pages to look for malloc chunks in")

// OtherAllocatorError means that the process does not use glibc's malloc.
type OtherAllocatorError struct {
	Name string // of the library; "": unknown
}

// Error names the allocator.
func (e *OtherAllocatorError) Error() string {
	if e.Name == "" {
		return "the process does not use glibc's malloc"
	}
	return "the process uses the malloc of " + e.Name
}

// FindMalloc looks for malloc's headers in spans of memory that no range covers; bytes
// is the resident size of the mapping of each span.
type FindMalloc func(spans []Range, bytes []int64) ([]Range, error)

// Map adds the ranges that only the mappings show to the reported ones. pageBytes is the size of
// a page where the process runs.
func (r *Reported) Map(mappings []pages.Mapping, pageBytes uint64, findArenas, findChunks FindMalloc) Map {
	known, complete := r.merged(pageBytes), r.complete()
	// Before the stacks: above the unused rest of a full arena, the next one looks
	// like a stack above its guard. An error is found again with the chunks.
	arenas, _ := findArenas(UnknownSpans(mappings, known))
	known = Merge(known, arenas)
	stacks, guessed, sure := findStacks(mappings, known, r.StackBytes, pageBytes)
	known = Merge(known, stacks)
	if sure {
		complete = append(complete, Stack)
	}
	if MapsHeapFile(mappings) && !slices.Contains(complete, Heap) {
		complete = append(complete, Heap)
	}
	var nodes []Range
	if len(r.ConstantPools) > 0 {
		nodes = findMetaspace(mappings, Merge(known, guessed), r.ConstantPools, r.Classes, r.Major, pageBytes)
		known = Merge(known, nodes)
		complete = append(complete, Metaspace, ClassSpace)
	}
	chunks, err := findChunks(UnknownSpans(mappings, known))
	// Where all other kinds are complete, memory that the search did not reach can only
	// be native: it counts as mmapped by native code.
	reached := err == nil || (errors.Is(err, ErrBounded) && slices.Contains(complete, GC))
	if name, glibc := Allocator(mappings); !glibc {
		err = &OtherAllocatorError{name}
	} else if reached {
		complete = append(complete, MallocArena, MallocChunk)
	}
	known = Merge(known, chunks, endAtChunks(guessed, chunks))
	if r.Major < elasticMajor {
		known = Merge(known, widen(mappings, known, nodes))
	}
	return Map{Source: r.Source(), Ranges: known, Complete: complete, Malloc: slices.Concat(arenas, chunks), MallocErr: err}
}

// Missing returns the kinds that no source reports completely. Where commands report
// the others, the remaining memory is malloc's.
func (m *Map) Missing() []Kind {
	var missing []Kind
	for _, kind := range append(VMKinds(), MallocArena) {
		if !slices.Contains(m.Complete, kind) && (kind != MallocArena || m.Source == FromStructs || m.Source == FromPatterns) {
			missing = append(missing, kind)
		}
	}
	return missing
}

// UnknownSpans returns the resident anonymous memory that no range of known covers, and
// the resident size of the mapping of each span.
func UnknownSpans(mappings []pages.Mapping, known []Range) (spans []Range, bytes []int64) {
	var parts []Range
	for i := range mappings {
		m := &mappings[i]
		if !m.Anonymous() || m.Perm != pages.Read|pages.Write || m.AnonymousBytes == 0 {
			continue
		}
		parts = Cut(known, m.Start, m.End, Unknown, parts[:0])
		for _, part := range parts {
			if part.Kind == Unknown {
				spans, bytes = append(spans, part), append(bytes, m.AnonymousBytes)
			}
		}
	}
	return spans, bytes
}

// Allocator returns the name of the library whose malloc the process uses, "" if it is
// unknown. glibc: it is that of glibc, which no other replaces.
func Allocator(mappings []pages.Mapping) (name string, glibc bool) {
	musl := ""
	for i := range mappings {
		file := filepath.Base(mappings[i].Path)
		switch {
		case file == "libc.so.6", strings.HasPrefix(file, "libc-2."):
			glibc = true
		case strings.HasPrefix(file, "libjemalloc"), strings.HasPrefix(file, "libtcmalloc"), strings.HasPrefix(file, "libmimalloc"):
			return file, false
		case IsMusl(file):
			musl = file
		}
	}
	return musl, glibc
}

// IsMusl reports whether the file name of a library is that of musl: as its dynamic linker, or
// as Debian has it.
func IsMusl(file string) bool { return strings.HasPrefix(file, "ld-musl-") || file == "libc.so" }
