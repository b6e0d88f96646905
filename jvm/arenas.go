package jvm

import (
	"maps"
	"path/filepath"

	"github.com/jvmem/jvmem/jvm/malloc"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/resident"
)

// Most of what moves in a JVM besides its heap is malloc's. Where its arenas explain what
// RssAnon changed, the rest did not, and its last count is used.

// arenas are the addresses of malloc's arenas and of the brk heap, with room to grow.
type arenas struct {
	spans []pages.Span
	heads []arenaHead
	// bytes were resident in the spans in the last count, others in the rest of malloc's memory.
	bytes, others int64
}

// arenaHead is the begin of an arena heap: the addresses of its arena and of the heap before
// it. They are the same until it is unmapped.
type arenaHead struct {
	at   uint64
	text [16]byte
}

// countedArenas returns the arenas of a count that source made of the mappings; nil: they cannot
// be counted alone.
func (p *Process) countedArenas(named *ranges.Map, mappings []pages.Mapping, counts *resident.Counts, source resident.PageSource) *arenas {
	scan, ok := source.(*pages.Scan)
	if !ok || counts.Err != nil || !p.counted.blocks || p.counted.mixed {
		return nil
	}
	a := &arenas{}
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
	for _, s := range a.spans {
		bytes, _, _ := scan.Resident(s.Start, s.End) // it has no error
		a.bytes += bytes
	}
	// Nothing else may be there.
	a.others = p.counted.mallocBytes - a.bytes
	if a.bytes != counts.Kinds[ranges.MallocArena].AnonBytes || !p.readHeads(a.heads) {
		return nil
	}
	return a
}

func (p *Process) readHeads(heads []arenaHead) (ok bool) {
	mem, err := proc.Open(filepath.Join(p.Dir(), "mem"))
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

// countArenas counts the pages of the arenas of the last count; not ok: one of them is gone, or
// cannot be read.
func (p *Process) countArenas() (bytes int64, ok bool) {
	a := p.counted.arenas
	now := append([]arenaHead(nil), a.heads...)
	if !p.readHeads(now) {
		return 0, false
	}
	for i := range now {
		if now[i] != a.heads[i] {
			return 0, false
		}
	}
	pagemap, err := pages.OpenPagemap(filepath.Join(p.Dir(), "pagemap"))
	if err != nil {
		return 0, false
	}
	defer pagemap.Close()
	bytes, err = p.arenaScan.Private(pagemap, a.spans)
	return bytes, err == nil
}

// reuseRest decides to use the last count for all but malloc's arenas, whose pages it counts.
// Where a walk through malloc's blocks is due then, all is counted.
func (p *Process) reuseRest(a *Answers, tolerance int64) (map[ranges.Kind]resident.Bytes, resident.Decision) {
	c := &p.counted
	bytes, ok := p.countArenas()
	if !ok {
		return nil, resident.Decision{Action: resident.Count, Reason: "malloc's arenas changed"}
	}
	now := a.indicators()
	now.ArenaBytes = &bytes
	decision := p.policy.Reuse(c.indicators, now, c.reused, tolerance)
	if decision.Action != resident.Use {
		return nil, decision
	}
	kinds := maps.Clone(c.facts.Resident) // the last count remains what it was
	arenas := kinds[ranges.MallocArena]
	arenas.AnonBytes = bytes
	kinds[ranges.MallocArena] = arenas
	c.mallocBytes = c.arenas.others + bytes
	c.facts.Report, c.facts.Malloc = a.Facts.Report, a.Facts.Malloc
	if p.BlocksDue() {
		return nil, resident.Decision{Action: resident.Count, Reason: "a walk through malloc's blocks is due"}
	}
	return kinds, decision
}
