package resident

import (
	"cmp"
	"path/filepath"
	"slices"

	"github.com/jvmem/jvmem/jvm/malloc"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// Most of what moves in a JVM besides its heap is malloc's. Where its arenas explain what
// RssAnon changed, the rest did not, and its last count is used.

// Arenas are the addresses of malloc's arenas and of the brk heap, with room to grow.
type Arenas struct {
	spans []pages.Span // by address
	heads []arenaHead
	// rest is what is left of spans without the long runs of resident pages, which have so many bytes.
	rest []pages.Span
	long int64
}

// longRun is the least size of a run that CountGrown does not look at, in bytes.
const longRun = 1 << 20

// arenaHead is the begin of an arena heap: the addresses of its arena and of the heap before
// it. They are the same until it is unmapped.
type arenaHead struct {
	at   uint64
	text [16]byte
}

// CountedArenas returns the arenas of a count that source made of the mappings of the process with
// this directory below /proc; nil: they cannot be counted alone.
func CountedArenas(dir string, named *ranges.Map, mappings []pages.Mapping, counts *Counts, source PageSource) *Arenas {
	scan, ok := source.(*pages.Scan)
	if !ok || counts.Err != nil {
		return nil
	}
	a := &Arenas{}
	for _, r := range named.Malloc {
		if r.Kind == ranges.MallocArena {
			a.spans = append(a.spans, pages.Span{Start: r.Start, End: r.Start + malloc.HeapMax})
			a.heads = append(a.heads, arenaHead{at: r.Start})
		}
	}
	for i := range mappings {
		if m := &mappings[i]; m.Path == "[heap]" {
			end := m.End + malloc.HeapMax
			if i+1 < len(mappings) {
				end = min(end, mappings[i+1].Start)
			}
			a.spans = append(a.spans, pages.Span{Start: m.Start, End: end})
		}
	}
	slices.SortFunc(a.spans, func(x, y pages.Span) int { return cmp.Compare(x.Start, y.Start) })
	var sum int64
	for _, s := range a.spans {
		bytes, _, _ := scan.Resident(s.Start, s.End) // it has no error
		sum += bytes
	}
	// Nothing else may be there.
	if sum != counts.Kinds[ranges.MallocArena].AnonBytes || !readHeads(dir, a.heads) {
		return nil
	}
	a.keep(scan, a.spans, 0)
	return a
}

func readHeads(dir string, heads []arenaHead) (ok bool) {
	mem, err := proc.Open(filepath.Join(dir, "mem"))
	if err != nil {
		return false
	}
	defer mem.Close()
	for i := range heads {
		if _, err := mem.ReadAt(heads[i].text[:], int64(heads[i].at)); err != nil {
			return false
		}
	}
	return true
}

// Count counts the pages of the arenas; not ok: one of them is gone, or cannot be read.
func (a *Arenas) Count(dir string, scan *pages.Scan) (bytes int64, ok bool) {
	return a.count(dir, scan, a.spans, 0)
}

// CountGrown is as Count, but assumes that long runs of pages are still resident: malloc rarely returns
// them, and RssAnon then falls.
func (a *Arenas) CountGrown(dir string, scan *pages.Scan) (bytes int64, ok bool) {
	return a.count(dir, scan, a.rest, a.long)
}

func (a *Arenas) count(dir string, scan *pages.Scan, spans []pages.Span, long int64) (bytes int64, ok bool) {
	now := slices.Clone(a.heads)
	if !readHeads(dir, now) || !slices.Equal(now, a.heads) {
		return 0, false
	}
	pagemap, err := pages.OpenPagemap(filepath.Join(dir, "pagemap"))
	if err != nil {
		return 0, false
	}
	defer pagemap.Close()
	bytes, err = scan.Private(pagemap, spans)
	if err != nil {
		return 0, false
	}
	bytes += long
	a.keep(scan, spans, long)
	return bytes, true
}

// keep keeps the long runs of a scan of spans, beside those of so many bytes.
func (a *Arenas) keep(scan *pages.Scan, spans []pages.Span, long int64) {
	var rest []pages.Span
	for _, s := range spans {
		var bytes int64
		rest, bytes = scan.Beside(rest, s, longRun)
		long += bytes
	}
	a.rest, a.long = rest, long
}
