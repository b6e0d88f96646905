package sizing

import (
	"fmt"

	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// A heap is made this many times what survives, at least: concurrent collectors need room
	// for what is allocated while they work. Without a collection of the old generation, what
	// survives has garbage in it, and youngFactor is enough.
	roomFactor, concurrentFactor, youngFactor = 2, 2.5, 1.5
	// leastFactor is for a heap of which collections are known to take little time.
	leastFactor = 1.3
	// minHeap is what a server needs to start, whatever survives.
	minHeap = 32 << 20
	// targetShare of the time may go to pauses in the heap that is recommended, by estimate. A
	// heap in which they take fewShare or less is large enough.
	targetShare, fewShare = 0.04, 0.05
	// mostGrowth is how much larger than the heap that was seen the recommended one may be:
	// beyond, what collections take is a guess.
	mostGrowth = 2
)

// heap is what is known of a Java heap.
type heap struct {
	live        int64   // what survives
	rising      int64   // what is still to come of it
	collections int     // of the old generation that showed it
	capacity    int64   // the most it was committed
	share       float64 // of the time that pauses took, or of the CPU time that collections took
	ofCPU       bool    // share is of the CPU time
	timed       bool    // share is known
	concurrent  bool    // its pauses are not what its collections take
}

// heapOf returns nil if no collection was seen, and how many of the old generation were.
func heapOf(life *diagnosis.Life, gc string) (h *heap, collections int) {
	live, rising, collections := life.Survived()
	capacity := life.Peak(history.Committed(rows.Heap))
	if capacity == nil {
		capacity = life.Peak(history.Row(rows.Heap))
	}
	if live == nil || capacity == nil {
		return nil, collections
	}
	h = &heap{live: *live, rising: rising, collections: collections, capacity: *capacity}
	if h.concurrent = gc == "ZGC" || gc == "Shenandoah"; h.concurrent {
		return h, collections
	}
	if mean, busiest, ok := life.Load(); ok {
		h.share, h.timed = life.Collecting(mean, busiest)
		if share, ok := life.CollectingCPU(); ok {
			h.compare(share, busiest)
		}
	}
	return h, collections
}

// compare takes in the part of the CPU time that collections took, while the JVM used so many cores.
// Where CPU is scarce, pauses are longer than what is done in them.
func (h *heap) compare(ofCPU, cores float64) {
	pauses := min(h.share, ofCPU*cores)
	h.share, h.ofCPU, h.timed = max(ofCPU, pauses), ofCPU >= pauses, true
}

// need is the size of the heap.
func (h *heap) need() int64 {
	live, capacity := float64(h.live+h.rising), float64(h.capacity)
	factor := youngFactor
	switch {
	case h.concurrent:
		factor = concurrentFactor
	case h.collections > 0:
		factor = roomFactor
	}
	// What is to come is an estimate with room in it: it is added once.
	need := max(factor*float64(h.live)+float64(h.rising), leastFactor*live, minHeap)
	if h.timed && capacity > live {
		// Collections come as often as the room fills, and each takes as long.
		need = max(need, min(live+(capacity-live)*h.share/targetShare, mostGrowth*capacity))
		if h.share <= fewShare {
			need = min(need, max(capacity, leastFactor*live))
		}
	}
	return roundUp(int64(need), sizeStep)
}

// expected is the part of the time that pauses would take in a heap of a size; not
// ok: unknown.
func (h *heap) expected(size int64) (share float64, ok bool) {
	if !h.timed || size <= h.live || h.capacity <= h.live {
		return 0, false
	}
	return h.share * float64(h.capacity-h.live) / float64(size-h.live), true
}

func (h *heap) why() string {
	text := fmt.Sprintf("%s or less survive; the old generation was not collected", size(h.live))
	if h.collections > 0 {
		text = fmt.Sprintf("at most %s survive, in %d collections of the old generation", size(h.live), h.collections)
	}
	if h.rising > 0 {
		text += ", still rising: " + size(h.rising) + " added"
	}
	switch {
	case h.timed && h.ofCPU:
		text += fmt.Sprintf("; collections took %.1f %% of the CPU time at %s", 100*h.share, size(h.capacity))
	case h.timed:
		text += fmt.Sprintf("; pauses took %.1f %% of the busiest minute at %s", 100*h.share, size(h.capacity))
	}
	return text
}
