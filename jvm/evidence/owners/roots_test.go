package owners

import (
	"math/rand/v2"
	"testing"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// listOf makes a list of blocks of 64 bytes; next says which follows which.
func listOf(n uint64, next func(i uint64) uint64) *references {
	f := fakeMemory{heapAt: make([]byte, 64*n+64)}
	for i := range n {
		f.put(heapAt+64*i+8, 64|1, heapAt+64*next(i)+16)
	}
	p := fakeProcess(f)
	p.mallocs = []ranges.Range{{Start: heapAt, End: heapAt + 64*n}}
	return newReferences(p)
}

// TestFollow: rings and random links end, and a list is followed to its end.
func TestFollow(t *testing.T) {
	const n = 4000
	tests := map[string]struct {
		next func(uint64) uint64
		want int
	}{
		"a list":       {func(i uint64) uint64 { return i + 1 }, n},
		"to itself":    {func(i uint64) uint64 { return i }, 1},
		"a ring":       {func(i uint64) uint64 { return (i + 1) % n }, n},
		"random links": {func(uint64) uint64 { return rand.Uint64N(n) }, 1},
	}
	for name, test := range tests {
		seen := listOf(n, test.next).follow(heapAt+16, 64)
		got := 0
		for i := range uint64(n) {
			if seen.has(heapAt + 64*i + 16) {
				got++
			}
		}
		if got < test.want || seen == nil {
			t.Errorf("%s: %d of %d", name, got, test.want)
		}
	}
	r := listOf(n, func(i uint64) uint64 { return i + 1 })
	if r.left = n / 2; r.follow(heapAt+16, 64) != nil {
		t.Error("a search that reached its budget says what it saw")
	}
}

// TestBlockSet is bounded.
func TestBlockSet(t *testing.T) {
	s := make(blockSet)
	for i := range uint64(maxSeenPages) {
		if added, ok := s.add(i * chapterBytes); !added || !ok {
			t.Fatal(i)
		}
	}
	if _, ok := s.add(maxSeenPages * chapterBytes); ok || len(s) != maxSeenPages {
		t.Errorf("%d pages", len(s))
	}
	if added, ok := s.add(0); added || !ok {
		t.Error("it was there")
	}
}
