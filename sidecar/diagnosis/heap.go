package diagnosis

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// minCollections is how many collections of the old generation a trend of what
	// survives them needs: with fewer, chance cannot be ruled out.
	minCollections = 8
	// fewFullCollections is the same for collectors that free all garbage each time: what each left is
	// exact. Fewer than manyFullCollections must all have left more, and are those since the JVM started.
	fewFullCollections, manyFullCollections = 3, 5
	// A heap leak must have gained minHeapGain of what the old generation may hold, and
	// fill minHeapShare of it: below is how caches of any server fill.
	minHeapGain, minHeapShare = 0.1, 0.25
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
	room := limit - now
	if j.undivided {
		room = math.Inf(1) // its course is known: where little room is left, what slows down would pass any limit
	}
	t, ok := j.risingIn(j.survivors, max(4<<20, minHeapGain*limit), room)
	if !ok {
		if t, ok = j.risingIn(j.live, max(4<<20, minHeapGain*limit), room); !ok {
			return Finding{}, false
		}
	}
	w := window{t.from, t.to}
	if t.floors[len(t.floors)-1].value < minHeapShare*limit {
		return Finding{}, false
	}
	f := Finding{Verdict: rows.VerdictHeap, Rate: t.perHour(), Confidence: t.confidence(limit)}
	f.measured(history.OldUsed, &t)
	f.shared(j, t.rate)
	f.waiting = j.holders(&t, limit)
	f.few = len(t.floors) < manyFullCollections
	f.Evidence = []string{
		fmt.Sprintf("old generation after collection: %s, over %d collections", t.text(inBytes()), j.collections(w)),
		fmt.Sprintf("the old generation can grow to %s", bytesText(limit)),
	}
	if row, ok := j.trendOf(history.Row(rows.Heap), w); ok {
		f.Evidence = append(f.Evidence, grew(history.Row(rows.Heap), row))
	}
	return f, f.Confidence >= suspicion
}

// survivors is the trend of what survives collections of the old generation.
func (j *judge) survivors(w window) (trend, bool) {
	if j.fullCollections() {
		return j.liveSets(w)
	}
	end := j.collectedUntil(w)
	n := min(j.collections(end), bins)
	if n < minCollections || end.to-end.from < (w.to-w.from)/2 {
		return trend{}, false
	}
	t, ok := j.trendOfParts(history.OldUsed, end, n)
	if ok {
		t.lasting()
	}
	return t, ok
}

// collectedUntil is a window up to the collection whose garbage is not gone yet, if there is one.
func (j *judge) collectedUntil(w window) window {
	all, settled := j.survivals(history.OldUsed), j.settled()
	if n := len(settled); n < len(all) {
		w.to = min(w.to, j.x(all[n].at)-1)
	}
	return w
}

// lasting replaces each floor by the least one from there on: what leaked stays in use, so
// whatever a later collection freed was no leak. Whether the floors rise at all is still that of
// the floors before.
func (t *trend) lasting() {
	z, tau := t.z, t.tau
	floors := slices.Clone(t.floors)
	for i := len(floors) - 2; i >= 0; i-- {
		floors[i].value = min(floors[i].value, floors[i+1].value)
	}
	t.floors, t.jump = floors, 0
	t.fit()
	t.z, t.tau = z, tau
}

// liveSets is the trend of what each collection left, of a collector that frees all
// garbage of the old generation at once. It ends when that is full: what leaks cannot grow any more.
func (j *judge) liveSets(w window) (trend, bool) {
	t := trend{from: w.from, to: w.to}
	limit, known := j.maxOld()
	for _, s := range j.settled() {
		at := j.x(s.at)
		if at < w.from || at > w.to {
			continue
		}
		t.floors, t.top = append(t.floors, floor{hours(at - w.from), s.after}), append(t.top, s.after)
		if known && s.after >= fullShare*limit {
			t.to = at
			break
		}
	}
	if len(t.floors) > bins {
		t.group()
	}
	n := len(t.floors)
	if n < fewFullCollections || n < manyFullCollections && w != j.windows[0] {
		return t, false
	}
	t.last = t.floors[n-1].value
	t.fit()
	t.lasting()
	if n < minCollections && t.tau == 1 {
		t.z = minZ // a rise each time is as rare
	}
	if n < manyFullCollections {
		t.jump = 0 // of so few, each is a large part; bend compares them
		if t.bend <= changingHeap {
			t.bend = min(t.bend, steep) // they have no half that could confirm it
		}
	}
	return t, true
}

// group keeps the least floor of each part of the window. Where the old generation is
// collected again and again between two samples, most of them find garbage of the time
// since.
func (t *trend) group() {
	part := hours(t.to-t.from) / bins
	floors, top := t.floors[:1], t.top[:1]
	for i, f := range t.floors[1:] {
		last := len(floors) - 1
		switch {
		case int(f.time/part) != int(floors[last].time/part):
			floors, top = append(floors, f), append(top, t.top[i+1])
		case f.value < floors[last].value:
			floors[last], top[last] = f, t.top[i+1]
		}
	}
	t.floors, t.top = floors, top
}

// collections is how often the old generation was collected in a window, as seen at samples:
// by the JVM's count, or by what is used falling where the JVM does not count them.
func (j *judge) collections(w window) int {
	n := len(j.collectionTimes(w))
	if !j.uncounted() {
		return n
	}
	limit, _ := j.maxHeap()
	drops, high := 0, int64(0)
	for time, p := range j.c.Points(history.OldUsed) {
		if time = j.x(time); time < w.from || time > w.to {
			continue
		}
		if float64(high-p.Min) > dropShare*limit && limit > 0 {
			drops, high = drops+1, p.Min
		}
		high = max(high, p.Max)
	}
	return max(n, drops)
}

// uncounted reports whether a JVM counts only full collections: G1 of JDK 8.
func (j *judge) uncounted() bool {
	return slices.ContainsFunc(j.c.JVMs, func(of breakdown.JVM) bool {
		return of.GC == "G1" && (strings.HasPrefix(of.Version, "8.") || strings.HasPrefix(of.Version, "1.8."))
	})
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
