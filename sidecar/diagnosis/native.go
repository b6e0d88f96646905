package diagnosis

import (
	"math"
	"slices"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// What is resident of malloc and mmap is exact. Its split is not: memory can be malloced
// and never touched, and details move against each other. So a detail is accused only if
// the row grows, and by no more than that.

// resident reduces the growth of a series to that of the native row. ok is false if that
// row does not grow. A series of another row is left as it is.
func (j *judge) resident(series string, t *trend) bool {
	if !slices.Contains(nativeDetails(), series) {
		return true
	}
	row, ok := j.trendOf(history.Row(rows.Native), window{t.from, t.to})
	if !ok || row.z < minZ || row.growth < j.least()/2 {
		return false
	}
	if row.rate < t.rate {
		t.growth *= row.rate / t.rate
		t.rate, t.low, t.high = row.rate, min(t.low, row.low), min(t.high, row.high)
	}
	return true
}

// risingDetail is rising for a series that may be a detail of native memory. If the row
// grows steadily, so does the detail that is most of it.
func (j *judge) risingDetail(series string) (trend, bool) {
	t, ok := j.rising(series, j.least())
	if ok || !slices.Contains(nativeDetails(), series) {
		return t, ok && j.resident(series, &t)
	}
	row, ok := j.rising(history.Row(rows.Native), j.least())
	if !ok {
		return trend{}, false
	}
	t, ok = j.trendOf(series, window{row.from, row.to})
	if !ok || t.z < minZ || t.low <= 0 || t.growth < mostOfRow*row.growth {
		return trend{}, false
	}
	row.floors, row.last = t.floors, t.last
	return row, true
}

// mostOfRow is the part of the row's growth that a detail must have to explain it.
const mostOfRow = 0.6

func nativeDetails() []string {
	row, _ := rows.Of(rows.Native)
	names := make([]string, 0, len(row.Details))
	for _, d := range row.Details {
		names = append(names, history.Detail(rows.Native, d.Name))
	}
	return names
}

const (
	// Memory that a Cleaner frees is judged without a collection of the old generation where it
	// took cleanersRoom of the room that is left, and hardly fell: what is young is freed by
	// young collections. Where old ones cannot be counted, manyFalls of the heap are enough.
	cleanersRoom = 0.5
	manyFalls    = 10
)

// cleanersMissing names the collection that must come before memory that a Cleaner may free is
// a leak; "" if it came. Buffers, mappings and zlib's streams are freed once a collection found
// their Java objects dead; objects that grew old, by one of the old generation.
func (j *judge) cleanersMissing(v rows.Verdict, series string, t *trend) string {
	switch v {
	case rows.VerdictDirectBuffers, rows.VerdictNativeUntracked, rows.VerdictMappedFiles:
	default:
		return ""
	}
	first := t.floors[0].value
	stayed, came := false, false
	for _, s := range j.survivals(series) {
		if gain := s.before - first; s.at > t.from && gain >= j.least() {
			stayed, came = s.after-first >= (1-freed)*gain, true
		}
	}
	_, counts := j.now(history.OldCollections)
	switch {
	case stayed,
		!came && t.growth >= cleanersRoom*j.room() && j.falls(series, t.from) <= mostFreed*t.growth,
		!counts && j.heapFalls(t.from) >= manyFalls:
		return ""
	}
	return oldCollection + " that could free it"
}

// falls is by how much a series was below an earlier value at most, since a time.
func (j *judge) falls(series string, from int64) float64 {
	top, most := math.Inf(-1), 0.0
	for time, p := range j.c.Points(series) {
		if time >= from && time <= j.at {
			top = max(top, float64(p.Min))
			most = max(most, top-float64(p.Min))
		}
	}
	return most
}

// heapFalls is how often the use of the heap fell between two samples, since a time: it was
// collected.
func (j *judge) heapFalls(from int64) (n int) {
	limit, _ := j.maxHeap()
	last := 0.0
	for time, p := range j.c.Points(history.Used(rows.Heap)) {
		if time < from || time > j.at {
			continue
		}
		if last-float64(p.Min) > dropShare*limit {
			n++
		}
		last = float64(p.Last)
	}
	return n
}

// fragments is how many times what was in use at its peak the native row must be, to be held by an
// allocator that retains more and more.
const fragments = 2

// fragmented reports whether much of the native row was never in use at once. An allocator keeps what
// a peak took; it takes more than that only where freed memory does not serve the next request.
func (j *judge) fragmented() bool {
	peak := int64(0)
	for _, p := range j.without(j.c.PointsSince(history.Row(rows.Native), j.started), history.Detail(rows.Native, rows.AllocatorRetained)) {
		peak = max(peak, p.Max)
	}
	now, ok := j.now(history.Row(rows.Native))
	return ok && now >= fragments*float64(peak)
}
