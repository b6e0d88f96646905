package dcmd

import (
	"fmt"
	"strings"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// CodeCache is one reply to Compiler.codecache.
type CodeCache struct {
	// Heaps are the parts of the code cache: one or, if it is segmented,
	// three or more. None is counted twice: the line for all is not among them.
	Heaps []CodeHeap

	// Ranges are the reservations of the heaps, sorted and disjoint. The
	// segment maps, which HotSpot counts as code too, are not printed.
	Ranges []ranges.Range
}

// CodeHeap is one part of the code cache. HotSpot rounds the sizes down to KiB.
type CodeHeap struct {
	// Name as printed: "non-nmethods", "CodeCache" if it is not segmented, ...
	Name string

	// SizeBytes is reserved, UsedBytes holds code now, MaxUsedBytes is the most
	// it ever held, FreeBytes is the part of the reserved size that is still free.
	SizeBytes, UsedBytes, MaxUsedBytes, FreeBytes int64

	// CommittedBytes is the memory that HotSpot may touch, from the bounds.
	CommittedBytes int64
}

// UsedBytes is the code in all heaps.
func (c CodeCache) UsedBytes() int64 {
	var sum int64
	for _, h := range c.Heaps {
		sum = saturatingAdd(sum, h.UsedBytes)
	}
	return sum
}

// ParseCodeCache parses one reply to Compiler.codecache. A heap without its
// bounds is left out; without any heap the reply is an error.
func ParseCodeCache(text string) (CodeCache, error) {
	var c CodeCache
	var heap CodeHeap
	var known bool
	for line := range strings.Lines(text) {
		// Only a heap's own line is followed by bounds; the total's is not.
		if strings.HasPrefix(strings.TrimSpace(line), "bounds [") {
			a := addresses(line)
			if known && len(a) == 3 && a[0] < a[2] {
				heap.CommittedBytes = span(a[0], a[1])
				c.Heaps = append(c.Heaps, heap)
				c.Ranges = append(c.Ranges, ranges.Range{Start: a[0], End: a[2], Kind: ranges.Code})
			}
			known = false
			continue
		}
		heap, known = parseCodeHeap(line)
	}
	if len(c.Heaps) == 0 {
		return CodeCache{}, fmt.Errorf("parse Compiler.codecache: no code heap: %.80q", text)
	}
	c.Ranges = ranges.Merge(c.Ranges)
	return c, nil
}

// parseCodeHeap parses "CodeHeap 'non-nmethods': size=5692Kb used=1152Kb
// max_used=1165Kb free=4539Kb".
func parseCodeHeap(line string) (CodeHeap, bool) {
	name, numbers, ok := strings.Cut(line, ": size=")
	if !ok {
		return CodeHeap{}, false
	}
	if _, quoted, ok := strings.Cut(name, "'"); ok {
		name = strings.TrimSuffix(quoted, "'")
	}
	heap := CodeHeap{Name: name}
	numbers = "size=" + numbers
	for _, f := range []struct {
		key   string
		value *int64
	}{{"size=", &heap.SizeBytes}, {" used=", &heap.UsedBytes}, {" max_used=", &heap.MaxUsedBytes}, {" free=", &heap.FreeBytes}} {
		if *f.value, ok = amountAfter(numbers, f.key); !ok {
			return CodeHeap{}, false
		}
	}
	return heap, true
}
