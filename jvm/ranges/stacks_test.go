package ranges

import (
	"slices"
	"testing"

	"github.com/jvmem/jvmem/jvm/pages"
)

func TestFindStacks(t *testing.T) {
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
		"glibc's guard":                {[]pages.Mapping{guard(0x1000, 0x1000, 0), memory(0x2000, 1<<20, pages.Account)}, 1},
		"HotSpot's guards":             {[]pages.Mapping{guard(0x1000, 0x5000, 0), memory(0x6000, 1<<20, 0)}, 1},
		"marked, after a guard":        {[]pages.Mapping{guard(0x1000, 0x5000, 0), memory(0x6000, 1<<20, pages.NoHuge)}, 1},
		"marked, no guard":             {[]pages.Mapping{memory(0x2000, 1<<20, pages.NoHuge)}, 1},
		"nothing before it":            {[]pages.Mapping{memory(0x2000, 1<<20, 0)}, 0},
		"not right above the guard":    {[]pages.Mapping{guard(0x1000, 0x1000, 0), memory(0x3000, 1<<20, 0)}, 0},
		"above an arena's rest":        {[]pages.Mapping{guard(0x1000, 63<<20, 0), memory(0x1000+63<<20, 1<<20, 0)}, 0},
		"above reserved memory":        {[]pages.Mapping{guard(0x1000, 0x1000, pages.NoReserve), memory(0x2000, 1<<20, 0)}, 0},
		"too small":                    {[]pages.Mapping{guard(0x1000, 0x1000, 0), memory(0x2000, 32<<10, 0)}, 0},
		"the hole between two files":   {[]pages.Mapping{file, memory(0x2000, 1<<20, 0)}, 0},
		"shared memory":                {[]pages.Mapping{guard(0x1000, 0x1000, 0), shared}, 0},
		"a guard alone is not a stack": {[]pages.Mapping{guard(0x1000, 0x1000, 0), guard(0x2000, 1<<20, pages.NoHuge)}, 0},
	} {
		got := allStacks(tt.mappings, nil, 0, 4096)
		last := tt.mappings[len(tt.mappings)-1]
		if len(got) != tt.want || len(got) == 1 && got[0] != (Range{Start: last.Start, End: last.End, Kind: Stack}) {
			t.Errorf("%s: %x", name, got)
		}
	}
}

// TestGuards: the guards below a stack are whole pages.
func TestGuards(t *testing.T) {
	const kib, mib = 1 << 10, 1 << 20
	java := []Range{{Start: 64 * mib, End: 65 * mib, Kind: Stack, Thread: 7}} // elsewhere
	for _, tt := range []struct {
		name             string
		pageBytes, guard uint64
		known            []Range
		want             bool
	}{
		{"glibc's", 4 * kib, 4 * kib, java, true},
		{"glibc's", 16 * kib, 16 * kib, java, true},
		{"glibc's", 64 * kib, 64 * kib, java, true},
		{"HotSpot's", 4 * kib, 16 * kib, nil, true},
		{"HotSpot's", 16 * kib, 3 * 16 * kib, nil, true},
		{"HotSpot's", 64 * kib, 3 * 64 * kib, nil, true},
		{"HotSpot's and glibc's", 4 * kib, 20 * kib, nil, true},
		{"HotSpot's and glibc's", 64 * kib, 4 * 64 * kib, nil, true},
		{"more than a stack has", 4 * kib, 24 * kib, nil, false},
		{"more than a stack has", 64 * kib, 6 * 64 * kib, nil, false},
		{"the rest of a table", 16 * kib, 2 * 16 * kib, java, false},
		{"the rest of a table", 64 * kib, 3 * 64 * kib, java, false},
	} {
		mappings := []pages.Mapping{{Start: mib - tt.guard, End: mib}, {Start: mib, End: 3 * mib, Perm: pages.Read | pages.Write}}
		if got := allStacks(mappings, tt.known, 8*mib, tt.pageBytes); (len(got) == 1) != tt.want {
			t.Errorf("%s, pages of %d KiB, a guard of %d KiB: %x", tt.name, tt.pageBytes/kib, tt.guard/kib, got)
		}
	}
}

// TestWholePages: no page belongs to two ranges, whatever the sources report.
func TestWholePages(t *testing.T) {
	none := func([]Range, []int64) ([]Range, error) { return nil, nil }
	reported := Reported{
		// A stack of musl, and one of glibc with pages of 64 KiB, end inside of a page.
		Structs: []Range{{Start: 0x7f0000, End: 0x900a00, Kind: Stack, Thread: 7}, {Start: 0x1003000, End: 0x1204000, Kind: Stack, Thread: 8}},
		Info:    []Range{{Start: 0x900a00, End: 0x98a010, Kind: GC}, {Start: 0x98a010, End: 0x9fff00, Kind: GC}, {Start: 1<<64 - 4096, End: 1<<64 - 1, Kind: GC}}, // the last page has no end
	}
	for pageBytes, want := range map[uint64][]Range{
		4 << 10: {
			{Start: 0x7f0000, End: 0x901000, Kind: Stack, Thread: 7}, {Start: 0x901000, End: 0x98b000, Kind: GC}, {Start: 0x98b000, End: 0xa00000, Kind: GC},
			{Start: 0x1003000, End: 0x1204000, Kind: Stack, Thread: 8},
		},
		16 << 10: {
			{Start: 0x7f0000, End: 0x904000, Kind: Stack, Thread: 7}, {Start: 0x904000, End: 0x98c000, Kind: GC}, {Start: 0x98c000, End: 0xa00000, Kind: GC},
			{Start: 0x1000000, End: 0x1204000, Kind: Stack, Thread: 8},
		},
		64 << 10: {
			{Start: 0x7f0000, End: 0x910000, Kind: Stack, Thread: 7}, {Start: 0x910000, End: 0x990000, Kind: GC}, {Start: 0x990000, End: 0xa00000, Kind: GC},
			{Start: 0x1000000, End: 0x1210000, Kind: Stack, Thread: 8},
		},
	} {
		if got := reported.Map(nil, pageBytes, none, none).Ranges; !slices.Equal(got, want) {
			t.Errorf("pages of %d KiB:\n%x, want\n%x", pageBytes>>10, got, want)
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
	stack := []Range{{Start: mib - 4*4096, End: 2 * mib, Kind: Stack, Thread: 7}}
	if got := allStacks(mappings, stack, 0, 4096); len(got) != 0 {
		t.Errorf("more than the known stack: %x", got)
	}
	if got := allStacks(mappings, nil, 0, 4096); len(got) != 1 {
		t.Errorf("an unknown stack: %x", got)
	}

	// What lies above a stack that is not Java's ends where such a stack must.
	java := []Range{{Start: 8 * mib, End: 9 * mib, Kind: Stack, Thread: 7}}
	if got := allStacks(mappings, java, 2*mib, 4096); len(got) != 1 || got[0].End != 3*mib-4*4096 {
		t.Errorf("a native stack of 2 MiB with its guard: %x", got)
	}
}

// TestWiden: metaspace of a JDK before 16 reaches to malloc on both sides, but no
// further than a reservation.
func TestWiden(t *testing.T) {
	const mib = 1 << 20
	mappings := []pages.Mapping{{Start: mib, End: 40 * mib, Perm: pages.Read | pages.Write}}
	nodes := findMetaspace(mappings, nil, []uint64{21 * mib, 20*mib + 8, 22*mib + 16}, nil, 8, 4096)
	if want := (Range{Start: 20 * mib, End: 22*mib + 4096, Kind: Metaspace}); len(nodes) != 1 || nodes[0] != want {
		t.Fatalf("classes lie in %x, want %x", nodes, want)
	}
	for _, tt := range []struct {
		name       string
		malloc     []Range
		start, end uint64
	}{
		{"nothing else known", nil, 18 * mib, 24*mib + 4096},
		{"malloc below", []Range{{Start: 2 * mib, End: 19 * mib, Kind: MallocChunk}}, 19 * mib, 24*mib + 4096},
		{"malloc above", []Range{{Start: 23 * mib, End: 30 * mib, Kind: MallocChunk}}, 18 * mib, 23 * mib},
	} {
		got := widen(mappings, Merge(nodes, tt.malloc), nodes)
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

func allStacks(mappings []pages.Mapping, known []Range, native, pageBytes uint64) []Range {
	stacks, guessed, _ := findStacks(mappings, known, native, pageBytes)
	return Merge(stacks, guessed)
}

// TestStackBelowChunk: before Linux 6.7 the kernel joins a native stack with what was mapped
// above it. Where that is a chunk of malloc, the stack ends.
func TestStackBelowChunk(t *testing.T) {
	const base, mib = 0x7f0000000000, 1 << 20
	mappings := []pages.Mapping{
		{Start: base, End: base + 4096},
		{Start: base + 4096, End: base + 9*mib, Perm: pages.Read | pages.Write, AnonymousBytes: 3 * mib},
	}
	java := Range{Start: base + 64*mib, End: base + 65*mib, Kind: Stack}
	chunk := Range{Start: base + mib, End: base + 3*mib, Kind: MallocChunk}
	reported := &Reported{Structs: []Range{java}, StackBytes: 8 * mib}
	search := func(found ...Range) FindMalloc {
		return func([]Range, []int64) ([]Range, error) { return found, nil }
	}
	for name, tt := range map[string]struct {
		chunks []Range
		end    uint64
	}{
		"a stack alone": {nil, base + 8*mib},
		"with a chunk":  {[]Range{chunk}, base + mib},
	} {
		t.Run(name, func(t *testing.T) {
			m := reported.Map(mappings, 4096, search(), search(tt.chunks...))
			if want := (Range{Start: base + 4096, End: tt.end, Kind: Stack}); m.Ranges[0] != want {
				t.Errorf("%+v, want %+v first", m.Ranges, want)
			}
		})
	}
}
