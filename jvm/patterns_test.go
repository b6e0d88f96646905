package jvm

import (
	"testing"

	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/vmstructs"
)

func within(list []ranges.Range, m *pages.Mapping) bool {
	i := ranges.Find(list, m.Start)
	return i < len(list) && list[i].Start < m.End
}

// TestStackPatternsMatchNMT: the mappings that look like stacks are those that
// NMT's map calls thread stacks, none more and none less.
func TestStackPatternsMatchNMT(t *testing.T) {
	for _, d := range readDetailed(t) {
		jdk, mappings := d.jdk, d.mappings
		var stacks []ranges.Range
		for _, r := range d.report.Regions {
			if r.Kind == ranges.Stack {
				stacks = append(stacks, r)
			}
		}
		found, _ := stackPatterns(mappings, nil, 0)
		var want, marked, guarded int64
		for i := range mappings {
			m := &mappings[i]
			if !m.Anonymous() || m.Perm != pages.Read|pages.Write {
				continue
			}
			isStack := within(stacks, m)
			if isStack != within(found, m) && m.AnonymousBytes > 0 {
				t.Errorf("%s: %x-%x, %d bytes: stack %v by NMT, %v by its look", jdk, m.Start, m.End, m.AnonymousBytes, isStack, !isStack)
			}
			if isStack {
				want += m.AnonymousBytes
			}
			if within(found, m) {
				marked += m.AnonymousBytes
			}
		}
		// An older kernel does not mark them. Stacks of native threads, with the
		// guards of glibc 2.43 inside, are then missing.
		for i := range mappings {
			mappings[i].Flags &^= pages.NoHuge
		}
		found, _ = stackPatterns(mappings, nil, 0)
		for i := range mappings {
			if within(found, &mappings[i]) {
				guarded += mappings[i].AnonymousBytes
			}
		}
		if marked != want || guarded > want || guarded < want*9/10 {
			t.Errorf("%s: %d bytes in marked mappings, %d above guards, NMT's stacks hold %d", jdk, marked, guarded, want)
		}
	}
}

func TestStackPatterns(t *testing.T) {
	const rw = pages.Read | pages.Write
	guard := func(start, size uint64, flags pages.Flags) pages.Mapping {
		return pages.Mapping{Start: start, End: start + size, Flags: flags}
	}
	memory := func(start, size uint64, flags pages.Flags) pages.Mapping {
		return pages.Mapping{Start: start, End: start + size, Perm: rw, Flags: flags}
	}
	file := guard(0x1000, 0x1000, 0)
	file.Path = "/file"
	shared := memory(0x2000, 1<<20, pages.NoHuge)
	shared.Perm |= pages.Shared
	for name, tt := range map[string]struct {
		mappings []pages.Mapping
		want     int
	}{
		"glibc's guard":                 {[]pages.Mapping{guard(0x1000, 0x1000, 0), memory(0x2000, 1<<20, pages.Account)}, 1},
		"HotSpot's guards":              {[]pages.Mapping{guard(0x1000, 0x5000, 0), memory(0x6000, 1<<20, 0)}, 1},
		"marked, after a guard":         {[]pages.Mapping{guard(0x1000, 0x5000, 0), memory(0x6000, 1<<20, pages.NoHuge)}, 1},
		"marked, no guard":              {[]pages.Mapping{memory(0x2000, 1<<20, pages.NoHuge)}, 1},
		"nothing before it":             {[]pages.Mapping{memory(0x2000, 1<<20, 0)}, 0},
		"not right above the guard":     {[]pages.Mapping{guard(0x1000, 0x1000, 0), memory(0x3000, 1<<20, 0)}, 0},
		"above an arena's rest":         {[]pages.Mapping{guard(0x1000, 63<<20, 0), memory(0x1000+63<<20, 1<<20, 0)}, 0},
		"above reserved memory":         {[]pages.Mapping{guard(0x1000, 0x1000, pages.NoReserve), memory(0x2000, 1<<20, 0)}, 0},
		"too small":                     {[]pages.Mapping{guard(0x1000, 0x1000, 0), memory(0x2000, 32<<10, 0)}, 0},
		"the hole between two files":    {[]pages.Mapping{file, memory(0x2000, 1<<20, 0)}, 0},
		"shared memory":                 {[]pages.Mapping{guard(0x1000, 0x1000, 0), shared}, 0},
		"a guard is no stack by itself": {[]pages.Mapping{guard(0x1000, 0x1000, 0), guard(0x2000, 1<<20, pages.NoHuge)}, 0},
	} {
		got, _ := stackPatterns(tt.mappings, nil, 0)
		last := tt.mappings[len(tt.mappings)-1]
		if len(got) != tt.want || len(got) == 1 && got[0] != (ranges.Range{Start: last.Start, End: last.End, Kind: ranges.Stack}) {
			t.Errorf("%s: %x", name, got)
		}
	}
}

// TestStackMergedWithMalloc: on a kernel that does not mark stacks, a chunk that
// malloc mapped right above one is part of its mapping (seen on Linux 6.1).
func TestStackMergedWithMalloc(t *testing.T) {
	const mib = 1 << 20
	mappings := []pages.Mapping{
		{Start: mib - 4*4096, End: mib},
		{Start: mib, End: 4 * mib, Perm: pages.Read | pages.Write, AnonymousBytes: 3 * mib},
	}
	stack := []ranges.Range{{Start: mib - 4*4096, End: 2 * mib, Kind: ranges.Stack, Thread: 7}}
	if got, _ := stackPatterns(mappings, stack, 0); len(got) != 0 {
		t.Errorf("more than the known stack: %x", got)
	}
	if got, _ := stackPatterns(mappings, nil, 0); len(got) != 1 {
		t.Errorf("a stack that nobody knows: %x", got)
	}

	// What lies above a stack that is not Java's ends where such a stack must.
	java := []ranges.Range{{Start: 8 * mib, End: 9 * mib, Kind: ranges.Stack, Thread: 7}}
	if got, _ := stackPatterns(mappings, java, 2*mib); len(got) != 1 || got[0].End != 3*mib-4*4096 {
		t.Errorf("a native stack of 2 MiB with its guard: %x", got)
	}
}

// TestWiden: metaspace of a JDK before 16 reaches to malloc on both sides, but no
// further than a reservation.
func TestWiden(t *testing.T) {
	const mib = 1 << 20
	mappings := []pages.Mapping{{Start: mib, End: 40 * mib, Perm: pages.Read | pages.Write}}
	metadata := vmstructs.Metadata{ConstantPools: []uint64{21 * mib, 20*mib + 8, 22*mib + 16}}
	nodes := metaspaceByClasses(mappings, nil, metadata, 8)
	if want := (ranges.Range{Start: 20 * mib, End: 22*mib + 4096, Kind: ranges.Metaspace}); len(nodes) != 1 || nodes[0] != want {
		t.Fatalf("classes lie in %x, want %x", nodes, want)
	}
	for _, tt := range []struct {
		name       string
		malloc     []ranges.Range
		start, end uint64
	}{
		{"nothing else known", nil, 18 * mib, 24*mib + 4096},
		{"malloc below", []ranges.Range{{Start: 2 * mib, End: 19 * mib, Kind: ranges.MallocChunk}}, 19 * mib, 24*mib + 4096},
		{"malloc above", []ranges.Range{{Start: 23 * mib, End: 30 * mib, Kind: ranges.MallocChunk}}, 18 * mib, 23 * mib},
	} {
		got := widen(mappings, ranges.Merge(nodes, tt.malloc), nodes)
		if len(got) != 1 || got[0].Start != tt.start || got[0].End != tt.end {
			t.Errorf("%s: metaspace is %x, want %x-%x", tt.name, got, tt.start, tt.end)
		}
	}

	// Reservations whose classes lie elsewhere are mappings of their own beside it; what
	// is not like it, or beyond a gap, is none.
	const rw = pages.Read | pages.Write
	mappings = []pages.Mapping{
		{Start: 10 * mib, End: 18*mib + 512<<10, Perm: rw}, // 512 KiB below is a gap
		{Start: 19 * mib, End: 20 * mib, Perm: rw}, {Start: 20 * mib, End: 23 * mib, Perm: rw},
		{Start: 23 * mib, End: 23*mib + 512<<10, Perm: rw}, {Start: 23*mib + 512<<10, End: 30 * mib},
	}
	if got := widen(mappings, nodes, nodes); len(got) != 1 || got[0].Start != 19*mib || got[0].End != 23*mib+512<<10 {
		t.Errorf("with neighbours metaspace is %x", got)
	}
}
