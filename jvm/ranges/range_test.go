package ranges

import (
	"slices"
	"testing"
)

func TestMerge(t *testing.T) {
	got := Merge(
		[]Range{{Start: 40, End: 50, Kind: Stack, Thread: 7}, {Start: 10, End: 20, Kind: Heap}},
		[]Range{{Start: 0, End: 45, Kind: GC}, {Start: 30, End: 60, Kind: Code}},
		[]Range{{Start: 55, End: 70, Kind: CDS}, {Start: 70, End: 70, Kind: Metaspace}},
	)
	want := []Range{
		{Start: 0, End: 10, Kind: GC},
		{Start: 10, End: 20, Kind: Heap},
		{Start: 20, End: 40, Kind: GC},
		{Start: 40, End: 50, Kind: Stack, Thread: 7},
		{Start: 50, End: 60, Kind: Code}, // cut by its own list at 45, by the stack at 50
		{Start: 60, End: 70, Kind: CDS},
	}
	if !slices.Equal(got, want) {
		t.Errorf("Merge =\n %v, want\n %v", got, want)
	}
}

func FuzzMerge(f *testing.F) {
	f.Add([]byte{1, 9, 1, 4, 12, 2, 0, 3, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		var lists [2][]Range
		first := func(addr uint64) Kind {
			for _, list := range lists {
				for _, r := range list {
					if r.Start <= addr && addr < r.End {
						return 1
					}
				}
			}
			return 0
		}
		for ; len(b) >= 3; b = b[3:] {
			i := b[2] % 2
			lists[i] = append(lists[i], Range{Start: uint64(b[0]), End: uint64(b[1]), Kind: Kind(b[2]%10 + 1)})
		}
		merged := Merge(lists[0], lists[1])
		for i, r := range merged {
			if r.Start >= r.End || (i > 0 && r.Start < merged[i-1].End) {
				t.Fatalf("overlap or empty at %d: %v", i, merged)
			}
		}
		for addr := range uint64(256) { // nothing lost, nothing invented
			i := Find(merged, addr)
			covered := i < len(merged) && merged[i].Start <= addr
			if covered != (first(addr) == 1) {
				t.Fatalf("address %d covered: %v, lists %v", addr, covered, lists)
			}
		}
	})
}
