package dcmd

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// HeapInfo is one reply to GC.heap_info: the Java heap as it is now.
type HeapInfo struct {
	// CommittedBytes is the heap that HotSpot may touch, all generations and
	// both survivor spaces. It can be more than MemoryMXBean's committed, which
	// leaves one survivor space out (Serial, Parallel, CMS). ZGC and Shenandoah
	// round it down to M or K, Shenandoah by less than 1 %.
	CommittedBytes int64

	// UsedBytes is the part with objects, garbage included.
	UsedBytes int64

	// Ranges is the address space of the heap, sorted and disjoint: reserved,
	// but with Epsilon only what is committed. nil for ZGC, which prints none.
	Ranges []ranges.Range
}

// ParseHeapInfo parses one reply to GC.heap_info, of any collector. A reply of
// unknown form, or one that ends before the last generation, is an error.
func ParseHeapInfo(text string) (HeapInfo, error) {
	var h heapLines
	for line := range strings.Lines(text) {
		h.line(line)
	}
	info, ok := h.info()
	if !ok {
		return HeapInfo{}, fmt.Errorf("parse GC.heap_info: unknown form: %.80q", text)
	}
	return info, nil
}

// heapLines collects the lines about the heap; VM.info has the same lines.
type heapLines struct {
	form            heapForm
	committed, used *int64
	young, old      bool
	ranges          []ranges.Range
}

type heapForm uint8

const (
	noHeap heapForm = iota
	wholeHeap
	generations
	shenandoahHeap
	epsilonHeap
)

func (h *heapLines) line(line string) {
	line = strings.TrimSpace(line)
	name, rest, _ := strings.Cut(line, " total ")
	switch strings.TrimSpace(name) {
	case "garbage-first heap":
		h.form = wholeHeap
		h.g1(rest)
		return
	case "PSYoungGen", "def new generation", "DefNew", "par new generation":
		h.young = h.generation(rest) || h.young
		return
	case "ParOldGen", "PSOldGen", "tenured generation", "Tenured", "concurrent mark-sweep generation":
		h.old = h.generation(rest) || h.old
		return
	case "Shenandoah Heap", "Generational Shenandoah Heap":
		h.form = shenandoahHeap
		return
	case "Epsilon Heap":
		h.form = epsilonHeap
		return
	}
	if rest, ok := strings.CutPrefix(line, "ZHeap "); ok {
		h.form = wholeHeap
		if n, ok := amountAfter(rest, "used "); ok {
			h.used = &n
		}
		if n, ok := amountAfter(rest, ", capacity "); ok {
			h.committed = &n
		}
	}
	switch h.form {
	case shenandoahHeap:
		h.shenandoah(line)
	case epsilonHeap:
		if a := addresses(line); strings.HasPrefix(line, "space ") && len(a) == 3 {
			committed, used := span(a[0], a[2]), span(a[0], a[1])
			h.committed, h.used = &committed, &used
			h.addRange(a)
		}
	}
}

// g1 parses "262144K, used 88730K [low, high)" and from JDK 25 on "reserved
// 262144K, committed 158720K, used 89123K [low, high)".
func (h *heapLines) g1(rest string) {
	committed, ok := amountAfter(rest, "committed ")
	if !ok {
		committed, _, ok = parseAmount(rest)
	}
	used, okUsed := amountAfter(rest, "used ")
	if ok && okUsed {
		h.committed, h.used = &committed, &used
		h.addRange(addresses(rest))
	}
}

// generation adds "76288K, used 4233K [low, committed high, high)". The total lacks one
// survivor space, so committed comes from the addresses.
func (h *heapLines) generation(rest string) bool {
	committed, _, ok := parseAmount(rest)
	used, okUsed := amountAfter(rest, "used ")
	if !ok || !okUsed {
		return false
	}
	a := addresses(rest)
	if len(a) == 3 {
		committed = span(a[0], a[1])
	}
	h.form = generations
	h.committed, h.used = plus(h.committed, committed), plus(h.used, used)
	h.addRange(a)
	return true
}

// shenandoah parses " 256M max, 256M soft max, 57856K committed, 57760K used",
// the same by generation, and " - [low, high)".
func (h *heapLines) shenandoah(line string) {
	if strings.HasPrefix(line, "- [") {
		h.addRange(addresses(line))
		return
	}
	for part := range strings.SplitSeq(line, ",") {
		n, what, ok := parseAmount(part)
		if !ok {
			continue
		}
		switch what {
		case " committed":
			h.committed = &n
		case " used":
			h.used = plus(h.used, n)
		}
	}
}

func (h *heapLines) addRange(a []uint64) {
	if len(a) >= 2 && a[0] < a[len(a)-1] {
		h.ranges = append(h.ranges, ranges.Range{Start: a[0], End: a[len(a)-1], Kind: ranges.Heap})
	}
}

// info returns what was collected, and whether it is all there.
func (h *heapLines) info() (HeapInfo, bool) {
	if h.committed == nil || h.used == nil || h.form == generations && !(h.young && h.old) {
		return HeapInfo{}, false
	}
	return HeapInfo{CommittedBytes: *h.committed, UsedBytes: *h.used, Ranges: coalesce(h.ranges)}, true
}

// coalesce returns ranges of one kind sorted, with those that touch or overlap
// joined.
func coalesce(list []ranges.Range) []ranges.Range {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b ranges.Range) int { return cmp.Compare(a.Start, b.Start) })
	var out []ranges.Range
	for _, r := range list {
		if n := len(out); n > 0 && r.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, r.End)
			continue
		}
		out = append(out, r)
	}
	return out
}

// plus adds n to a sum that may not have been started.
func plus(sum *int64, n int64) *int64 {
	if sum != nil {
		n = saturatingAdd(*sum, n)
	}
	return &n
}

// span returns high - low for low <= high.
func span(low, high uint64) int64 {
	return int64(min(high-low, math.MaxInt64))
}
