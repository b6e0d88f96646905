package diagnosis

import (
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
