package diagnosis

import (
	"fmt"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// minCollections is how many collections of the old generation a trend of what
	// survives them needs: with fewer, chance cannot be ruled out.
	minCollections = 8
	// dropShare is how far the old generation falls, at least, in a collection
	// that the JVM does not count (G1 of JDK 8), of the heap's maximum.
	dropShare = 0.02
)

// heap: what survives collections of the old generation grows. What is used
// between them, and how large the heap is, says nothing of a leak.
func (j *judge) heap() (Finding, bool) {
	limit, ok := j.maxOld()
	if !ok {
		limit = j.scale()
	}
	now, ok := j.now(history.OldUsed)
	if !ok {
		return Finding{}, false
	}
	t, ok := j.risingIn(j.survivors, max(4<<20, 0.01*limit), limit-now)
	if !ok {
		return Finding{}, false
	}
	w := window{t.from, t.to}
	f := Finding{Verdict: rows.VerdictHeap, Rate: t.perHour(), Confidence: t.confidence(limit), window: w}
	f.Share = j.share(t.rate, w)
	f.Evidence = []string{
		fmt.Sprintf("old generation after collection: %s, over %d collections", t.text(inBytes()), j.collections(w)),
		fmt.Sprintf("the old generation can grow to %s", bytesText(limit)),
	}
	if row, ok := j.trendOf(history.Row(rows.Heap), w); ok {
		f.Evidence = append(f.Evidence, grew(history.Row(rows.Heap), row))
	}
	return f, f.Confidence >= suspicion
}

// survivors is the trend of the least that the old generation holds in parts of
// the window with a collection each.
func (j *judge) survivors(w window) (trend, bool) {
	n := min(j.collections(w), bins)
	if n < minCollections {
		return trend{}, false
	}
	return trendOfParts(j.c, history.OldUsed, w, n)
}

// collections is how often the old generation was collected in a window, as seen
// at samples: by the JVM's count, or by what is used falling.
func (j *judge) collections(w window) int {
	counted, last := 0, int64(history.Unknown)
	for time, p := range j.c.Points(history.OldCollections) {
		if time > w.to {
			break
		}
		if time >= w.from && last != history.Unknown && p.Last > last {
			counted++
		}
		last = p.Last
	}
	limit, _ := j.maxHeap()
	drops, high := 0, int64(0)
	for time, p := range j.c.Points(history.OldUsed) {
		if time < w.from || time > w.to {
			continue
		}
		if float64(high-p.Min) > dropShare*limit && limit > 0 {
			drops, high = drops+1, p.Min
		}
		high = max(high, p.Max)
	}
	return max(counted, drops)
}

// maxHeap is the sum of the JVMs' MaxHeapSize.
func (j *judge) maxHeap() (float64, bool) { return j.flag("MaxHeapSize") }

// maxOld is the sum of what the JVMs' old generations may grow to.
func (j *judge) maxOld() (sum float64, ok bool) {
	for i := range j.c.JVMs {
		old := j.c.JVMs[i].OldGeneration
		if old == nil || old.MaxBytes == nil {
			return j.maxHeap()
		}
		sum += float64(*old.MaxBytes)
	}
	return sum, len(j.c.JVMs) > 0
}

// flag is the sum of a flag of all JVMs; ok is false if one of them does not tell
// it, or has no maximum.
func (j *judge) flag(name string) (sum float64, ok bool) {
	for i := range j.c.JVMs {
		n, ok := number(j.c.JVMs[i].Flags[name])
		if !ok {
			return 0, false
		}
		sum += n
	}
	return sum, len(j.c.JVMs) > 0
}

// number reads a flag, as it was read from the JVM or from JSON.
func number(value any) (float64, bool) {
	switch n := value.(type) {
	case uint64:
		return float64(n), true
	case int64:
		return float64(n), true
	case int32:
		return float64(n), true
	case uint32:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// onlyJVM is the container's JVM; nil if there is none, or more than one.
func (j *judge) onlyJVM() *breakdown.JVM {
	if len(j.c.JVMs) != 1 {
		return nil
	}
	return &j.c.JVMs[0]
}
