package sizing

import (
	"slices"
	"testing"

	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestLaterHalf sizes servers by the first half of their recordings: what the second half needed, with
// no more heap than was recommended, fits the limit.
func TestLaterHalf(t *testing.T) {
	sized := 0
	for _, name := range []string{
		"apps2-activemq-clean", "apps2-groovy-clean-defaults", "apps5-tomcat-cache-zgc-defaults", "apps-h2-clean", "apps-tomcat-clean", "lru-cache", "soft-cache", "nu-validator",
	} {
		c := recorded(t, "servers/"+name).Containers[0]
		first, middle := halves(c)
		verdict := diagnosis.Diagnose(first)
		r := Of(first, &verdict).Recommended
		if r == nil {
			continue
		}
		sized++
		need := needAfter(c, middle, r.MaxHeapBytes)
		t.Logf("%s: limit %s, needed later %s, %d %%", name, size(r.LimitBytes), size(need), 100*need/r.LimitBytes)
		if need > r.LimitBytes {
			t.Errorf("%s: the limit of %s would not have been enough: %s", name, size(r.LimitBytes), size(need))
		}
	}
	if sized < 3 {
		t.Errorf("%d recordings have sizes at half time", sized)
	}
}

// halves returns the first half of a history, and when it ends.
func halves(c *history.Container) (first *history.Container, end int64) {
	var from, to int64
	for at := range c.Points(history.JVMGeneration) {
		if from == 0 {
			from = at
		}
		to = at
	}
	end = from + (to-from)/2
	copied := *c
	copied.Tracks = nil
	for _, t := range c.Tracks {
		n, found := slices.BinarySearch(t.Times, end)
		if found {
			n++
		}
		copied.Tracks = append(copied.Tracks, &history.Track{StepMillis: t.StepMillis, Times: t.Times[:n], Series: t.Series})
	}
	return &copied, end
}

// needAfter is the most that could not be reclaimed after a time, with a maximum heap.
func needAfter(c *history.Container, time, maxHeap int64) (most int64) {
	heaps := make(map[int64]int64)
	for at, p := range c.PointsSince(history.Row(rows.Heap), time) {
		heaps[at] = p.Last
	}
	for at, p := range c.PointsSince(history.Unreclaimable, time) {
		if heap, ok := heaps[at]; ok {
			most = max(most, p.Last-heap+min(heap, maxHeap))
		}
	}
	return most
}
