package ranges

import (
	"cmp"
	"fmt"
	"slices"
)

// Kind is what HotSpot (or the C library below it) uses a range for.
type Kind uint8

// The kinds, with the NMT categories (memTag.hpp, before JDK 24 memflags) of those that
// NMT reports.
const (
	Unknown     Kind = iota // anonymous memory that no source reports
	Heap                    // "Java Heap"
	Metaspace               // "Metaspace": non-class nodes
	ClassSpace              // "Class": compressed class space
	CDS                     // "Shared class space": class data sharing archives
	Stack                   // "Thread Stack", also stacks of native threads
	Code                    // "Code": code heaps and their segment maps
	GC                      // "GC", "Card Table", ...: card tables, bitmaps, block offset tables
	VMInternal              // mmapped by HotSpot for anything else (NMT tables, safepoint page, ...)
	MallocArena             // a glibc arena heap or the brk heap
	MallocChunk             // one mmapped malloc chunk
	Library                 // executables, shared libraries, and the JDK's own files
	MappedFile              // any other mapped file
	SharedMem               // tmpfs, memfd, System V and shared anonymous memory
)

// VMKinds are the kinds of anonymous memory that HotSpot itself distinguishes: if all
// of their ranges are known, the rest is native memory.
func VMKinds() []Kind { return []Kind{Heap, Metaspace, ClassSpace, Stack, Code, GC} }

var kindNames = [...]string{"unknown", "heap", "metaspace", "class space", "cds", "stack", "code", "gc", "vm internal", "malloc arena", "malloc chunk", "library", "mapped file", "shared memory"}

// String returns the kind as text.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}

// MarshalText writes the kind as text.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kindNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("no kind of range: %q", text)
	}
	*k = Kind(i)
	return nil
}

// Range is the half-open address range [Start, End) of one kind.
type Range struct {
	Start, End uint64
	Kind       Kind
	// Thread is the thread's ID in the JVM's own PID namespace for a Stack
	// whose owner is known, else 0.
	Thread int
}

// Cut returns the parts of [start, end) by the ranges (sorted, disjoint) that cover
// them, appended to parts. What no range covers is of the kind rest.
func Cut(ranges []Range, start, end uint64, rest Kind, parts []Range) []Range {
	at := start
	for i := Find(ranges, at); i < len(ranges) && ranges[i].Start < end; i++ {
		r := ranges[i]
		if r.Start > at {
			parts = append(parts, Range{Start: at, End: r.Start, Kind: rest})
		}
		r.Start, r.End = max(r.Start, at), min(r.End, end)
		parts = append(parts, r)
		at = r.End
	}
	if at < end {
		parts = append(parts, Range{Start: at, End: end, Kind: rest})
	}
	return parts
}

// wholePages returns the ranges with all pages that they have a part of; the same list where all
// of them are whole pages, as usual.
func wholePages(list []Range, pageBytes uint64) []Range {
	if !slices.ContainsFunc(list, func(r Range) bool { return (r.Start|r.End)&(pageBytes-1) != 0 }) {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		r := &list[i]
		r.Start, r.End = r.Start&^(pageBytes-1), (r.End+pageBytes-1)&^(pageBytes-1)
	}
	return list
}

// Merge returns the ranges sorted by Start and without overlaps. Where ranges
// of different lists overlap, the earlier list wins and the later range is cut;
// within a list the range that starts first wins.
func Merge(lists ...[]Range) []Range {
	room := 0
	for _, list := range lists {
		room += len(list)
	}
	out := make([]Range, 0, room+room/4) // some are cut into parts
	for _, list := range lists {
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(a, b Range) int { return cmp.Compare(a.Start, b.Start) })
		known := out
		var last uint64
		for _, r := range list {
			r.Start = max(r.Start, last)
			if r.Start >= r.End {
				continue
			}
			last = r.End
			out = appendRest(out, r, known)
		}
		slices.SortFunc(out, func(a, b Range) int { return cmp.Compare(a.Start, b.Start) })
	}
	return out
}

// appendRest appends the parts of r that no range of known (sorted, disjoint) covers.
func appendRest(parts []Range, r Range, known []Range) []Range {
	i, _ := slices.BinarySearchFunc(known, r.Start, func(k Range, start uint64) int {
		if k.End <= start {
			return -1
		}
		return 1
	})
	for ; i < len(known) && known[i].Start < r.End; i++ {
		if known[i].Start > r.Start {
			part := r
			part.End = known[i].Start
			parts = append(parts, part)
		}
		r.Start = max(r.Start, known[i].End)
	}
	if r.Start < r.End {
		parts = append(parts, r)
	}
	return parts
}

// Find returns the index of the first range in ranges (sorted, disjoint) that
// ends after addr.
func Find(ranges []Range, addr uint64) int {
	i, _ := slices.BinarySearchFunc(ranges, addr, func(r Range, a uint64) int {
		if r.End <= a {
			return -1
		}
		return 1
	})
	return i
}
