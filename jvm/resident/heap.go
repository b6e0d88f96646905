package resident

import (
	"fmt"

	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// The heap is most of a large JVM's memory, and scanning it most of a count. The kernel counts
// all anonymous memory of a process (RssAnon): what is left of that after everything else was
// counted is the heap.

// Heap holds what the last count of all pages says about the heap. The zero value: there was
// none.
type Heap struct {
	// Spans are the addresses of the heap.
	Spans []pages.Span
	// Bytes were resident in it.
	Bytes int64
	// Exact: RssAnon was the sum of all anonymous pages. On kernels before 6.2 it can lag by
	// 64 pages for each thread, with many CPUs on all.
	Exact bool
	// Queries is their number at that time, Doubted when a derived heap did not add up; 0: it
	// always did.
	Queries, Doubted int
}

const (
	// exactBytes is by how much two sums of the same memory may differ: it moves while they are read.
	exactBytes = 1 << 20
	// heapStep of heap are scanned in some 6 ms of CPU time: after recountEvery samples for each of
	// them the heap is counted again, so that a sample costs the same beside a large one. At the
	// latest it is after maxHeapSteps of them, an hour and a half at the default interval.
	heapStep     = 512 << 20
	maxHeapSteps = 20
)

// HeapOf returns what a count of all pages says. rssAnon was read after it.
func (Policy) HeapOf(list []ranges.Range, c *Counts, rssAnon int64, queries int) Heap {
	h := Heap{Bytes: c.Kinds[ranges.Heap].AnonBytes, Exact: distance(c.AnonBytes(), rssAnon) <= exactBytes && c.Err == nil, Queries: queries}
	for _, r := range list {
		if r.Kind == ranges.Heap {
			h.Spans = append(h.Spans, pages.Span{Start: r.Start, End: r.End})
		}
	}
	return h
}

// CountHeap decides how the pages of the heap are counted: Use the rest of RssAnon, or Count
// them. swapBytes is what the process has in swap: of skipped pages it is unknown.
func (Policy) CountHeap(h Heap, queries int, ageSeconds *float64, swapBytes int64) Decision {
	every := recountEvery * int(min(1+h.Bytes/heapStep, maxHeapSteps))
	switch {
	case len(h.Spans) == 0:
		return Decision{Count, "the addresses of the heap are not known"}
	case !h.Exact:
		return Decision{Count, "the kernel's sum of anonymous memory differs from the pages"}
	case h.Doubted > 0 && queries-h.Doubted < recountEvery:
		return Decision{Count, "what is left of the kernel's sum did not add up"}
	case young(ageSeconds):
		return Decision{Count, "the JVM started less than 30 s ago"}
	case swapBytes > 0:
		return Decision{Count, "some of the JVM is in swap"}
	case queries-h.Queries >= every:
		return Decision{Count, fmt.Sprintf("the heap has not been counted for %d samples", every)}
	}
	return Decision{}
}

// AddHeap adds the rest of RssAnon, which was read after the count, to the heap. It is not ok
// if there is none: memory was released meanwhile.
func (c *Counts) AddHeap(rssAnon int64) (ok bool) {
	rest := rssAnon - c.AnonBytes()
	if rest < 0 {
		return false
	}
	heap := c.Kinds[ranges.Heap]
	heap.AnonBytes += rest
	c.Kinds[ranges.Heap] = heap
	return true
}

// VerifyHeap decides whether a heap that is the rest of RssAnon can be used: Use or Count.
// processes is the anonymous memory of all processes of the container, charged that of the
// cgroup; nil: unknown.
func (Policy) VerifyHeap(processes, charged *int64) Decision {
	switch {
	case processes == nil || charged == nil:
		return Decision{Count, "the sum of the processes' memory is unknown"}
	case distance(*processes, *charged) > exactBytes:
		return Decision{Count, "the processes' memory does not add up to what the cgroup is charged"}
	}
	return Decision{}
}
