package nmt

import (
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/ranges"
)

func checkRegions(t *testing.T, ranges []ranges.Range) {
	t.Helper()
	var last uint64
	for _, r := range ranges {
		if r.Start >= r.End || r.Start < last {
			t.Fatalf("range %x-%x after %x", r.Start, r.End, last)
		}
		last = r.End
	}
}

// TestDetailMatchesSummary: the ranges of a category add up to the address
// space that its summary says it reserved.
func TestDetailMatchesSummary(t *testing.T) {
	for _, path := range jvmtest.Captures(t, "testdata/*/*/detail.txt.gz", 8) {
		t.Run(path, func(t *testing.T) {
			text := jvmtest.CaptureText(t, path)
			r, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			checkSums(t, r, text)
			checkRegions(t, r.Regions)
			if !r.Detail {
				t.Error("not detail")
			}
			got, want := map[ranges.Kind]int64{}, map[ranges.Kind]int64{}
			for _, x := range r.Regions {
				got[x.Kind] += int64(x.End - x.Start)
			}
			for _, c := range r.Categories {
				want[kindOf(c.Name)] += c.MmapReservedBytes + c.StackReservedBytes
			}
			if !r.hasMetaspace() {
				if got[ranges.ClassSpace] != 1<<30 {
					t.Errorf("class space %d", got[ranges.ClassSpace])
				}
				got[ranges.ClassSpace] += got[ranges.Metaspace]
				delete(got, ranges.Metaspace)
			}
			for kind, n := range want {
				// Rounded down to KB per category, five at most of a kind.
				if diff := got[kind] - n; diff < 0 || diff > 5<<10 {
					t.Errorf("%v: ranges %d, summary %d", kind, got[kind], n)
				}
			}
			if len(got) != len(want) && r.hasMetaspace() {
				t.Errorf("kinds %v, want %v", got, want)
			}
		})
	}
}

func TestExactRegions(t *testing.T) {
	for path, want := range map[string][]ranges.Range{
		"testdata/jdk28/g1-nmtdetail/detail.txt.gz": {
			{Start: 0x70000000, End: 0x71000000, Kind: ranges.CDS},
			{Start: 0x71000000, End: 0xb1000000, Kind: ranges.ClassSpace},
			{Start: 0xf0000000, End: 0x100000000, Kind: ranges.Heap},
			{Start: 0x7f07f9cff000, End: 0x7f07f9fff000, Kind: ranges.Stack},
			{Start: 0x7f081c000000, End: 0x7f0820000000, Kind: ranges.Metaspace},
		},
		"testdata/jdk11/g1-nmtdetail/detail.txt.gz": {
			{Start: 0xf0000000, End: 0x100000000, Kind: ranges.Heap},
			{Start: 0x800000000, End: 0x800aa9000, Kind: ranges.CDS},
			{Start: 0x840000000, End: 0x880000000, Kind: ranges.ClassSpace},
			{Start: 0x7f9da9000000, End: 0x7f9da9800000, Kind: ranges.Metaspace},
		},
		"testdata/jdk8/g1-nmtdetail/detail.txt.gz": {
			{Start: 0x100000000, End: 0x140000000, Kind: ranges.ClassSpace},
			{Start: 0x7fb8c9000000, End: 0x7fb8d8000000, Kind: ranges.Code},
			{Start: 0x7fb8dc400000, End: 0x7fb8dcc00000, Kind: ranges.Metaspace},
			{Start: 0x7fb8dd939000, End: 0x7fb8dd9b9000, Kind: ranges.GC},
			{Start: 0x7fb8dda39000, End: 0x7fb8ddab9000, Kind: ranges.VMInternal}, // "Unknown"
		},
	} {
		r, err := Parse(jvmtest.CaptureText(t, path))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			i := ranges.Find(r.Regions, w.Start)
			if i == len(r.Regions) || r.Regions[i] != w {
				t.Errorf("%s: no %x-%x %v", path, w.Start, w.End, w.Kind)
			}
		}
	}
}

func TestOddRegions(t *testing.T) {
	const head = "Total: reserved=10KB, committed=6KB\n- A (reserved=7KB, committed=3KB)\nVirtual memory map:\n"
	for _, end := range []string{"Memory file details", "Details:"} {
		checkOddRegions(t, head, end)
	}
}

func checkOddRegions(t *testing.T, head, end string) {
	t.Helper()
	text := head + strings.Join([]string{
		"[0x0000000000002000 - 0x0000000000003000] reserved 4KB for New Thing from",
		"\t[0x0000000000002000 - 0x0000000000003000] committed 4KB from",
		"[0x0000000000005000 - 0x0000000000005000] reserved 0KB for Code",
		"[0x0000000000006000 - 0x0000000000005000] reserved 0KB for Code",
		"[0x000000000000zz00 - 0x0000000000005000] reserved 0KB for Code",
		"[0xffffffffffffffffff - 0x0000000000005000] reserved 0KB for Code",
		"[0x0000000000001000 - 0x0000000000002000] reserved and committed 4KB for Code from",
		end,
		"[0x0000000000000000 - 0x0000000000200000] reserved 2048KB for Java Heap from",
	}, "\n")
	r, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	want := []ranges.Range{{Start: 0x1000, End: 0x2000, Kind: ranges.Code}, {Start: 0x2000, End: 0x3000, Kind: ranges.VMInternal}}
	if len(r.Regions) != 2 || r.Regions[0] != want[0] || r.Regions[1] != want[1] {
		t.Errorf("got %+v", r.Regions)
	}
}
