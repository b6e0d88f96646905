package diagnosis

import (
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// states are the findings that are no leaks, the one that counts most first.
func (j *judge) states(b *BudgetCheck, leaks bool) []Finding {
	var all []Finding
	add := func(f Finding, ok bool) {
		if ok {
			f.Confidence = 1
			all = append(all, f)
		}
	}
	add(j.notObservable())
	add(j.limitThrash())
	add(j.heapFull())
	add(j.unresponsive())
	if !leaks { // else the leak explains why the settings do not fit
		add(j.overBudget(b))
	}
	add(j.retained())
	add(j.idleThreads())
	if len(all) == 0 || all[0].Verdict != rows.VerdictLimitThrash { // else it is not harmless
		add(j.pageCache())
	}
	return all
}

// gained is how much a counter rose, and in how many seconds, since its last point before a
// time; not ok if there is none, or if another cgroup or JVM began to count anew.
func (j *judge) gained(counter string, since int64) (gain, seconds float64, ok bool) {
	var first, last *int64
	var begin, end int64
	for time, p := range j.c.Points(counter) {
		if first == nil || time <= since {
			first, begin = new(p.Last), time
		} else if p.Last < *last {
			return 0, 0, false
		}
		last, end = new(p.Last), time
	}
	if first == nil || begin > since || end <= since {
		return 0, 0, false
	}
	return float64(*last - *first), float64(end-begin) / 1000, true
}

// latest is the time of the last sample or reading. While a JVM does not answer, there are
// readings only.
func (j *judge) latest() int64 {
	at, _ := j.c.LastTime()
	return max(j.at, at.UnixMilli())
}

// lately is the last known value of a series, also that of a reading.
func (j *judge) lately(name string) (value float64, ok bool) {
	for _, p := range j.c.Points(name) {
		value, ok = float64(p.Last), true
	}
	return value, ok
}

// leastSince is the least value of a series since its last point before a time; not ok if
// there is none.
func (j *judge) leastSince(name string, since int64) (least float64, ok bool) {
	for time, p := range j.c.Points(name) {
		if time <= since || !ok {
			least, ok = float64(p.Min), time <= since
		}
		least = min(least, float64(p.Min))
	}
	return least, ok
}

const (
	// retainedShare is the part of the limit that glibc retains for retainedMillis at least.
	retainedShare  = 0.1
	retainedMillis = 10 * 60 * 1000
	// From nearLimit of the limit on, usage looks dangerous. It is not if at least
	// cacheShare of the limit is reclaimable.
	nearLimit, cacheShare = 0.8, 0.1
	// A state that a level leads to ends when the level was below endsAt of its threshold for endsMillis:
	// what moves around a threshold is one state. levelMillis ago the look at its course begins.
	endsAt      = 0.9
	endsMillis  = 10 * 60 * 1000
	levelMillis = 60 * 60 * 1000
)

// lasts reports whether a level reached its threshold, 1, stayed above endsAt for so many milliseconds, and
// the state that this leads to has not ended since.
func lasts(levels iter.Seq2[int64, float64], least int64) (on bool) {
	const no = math.MaxInt64
	reached, left := int64(no), int64(no) // since when
	for time, level := range levels {
		switch {
		case level >= 1:
			reached, left = min(reached, time), no
		case level >= endsAt:
			left = no
		default:
			reached, left = no, min(left, time)
		}
		on = reached != no && time-reached >= least || on && (left == no || time-left < endsMillis)
	}
	return on
}

// retained: glibc retains a large part of the limit, and does not return it.
func (j *judge) retained() (Finding, bool) {
	series := history.Detail(rows.Native, rows.AllocatorRetained)
	limit, limited := j.now(history.Limit)
	now, known := j.now(series)
	if !limited || !known || j.at-j.started < retainedMillis {
		return Finding{}, false
	}
	levels := func(yield func(int64, float64) bool) {
		for time, p := range j.c.PointsSince(series, j.at-levelMillis) {
			if time <= j.at && !yield(time, float64(p.Last)/(retainedShare*limit)) { // what is less for a moment is no end
				return
			}
		}
	}
	if !lasts(levels, retainedMillis) {
		return Finding{}, false
	}
	least, _ := j.leastSince(series, j.at-retainedMillis)
	return Finding{
		Verdict: rows.VerdictRetained, Confidence: 1,
		Evidence: []string{fmt.Sprintf("freed memory that glibc retains: %s, %.1f %% of the limit; %s or more for %d min",
			bytesText(now), 100*now/limit, bytesText(least), retainedMillis/60000)},
		Next: Next(rows.VerdictAllocatorRetention, "", j.onlyJVM()),
	}, true
}

// pageCache: usage is near the limit, but much of it is reclaimable.
func (j *judge) pageCache() (Finding, bool) {
	usage, ok := j.now(history.Usage)
	reclaimable, known := j.now(history.Reclaimable)
	limit, limited := j.now(history.Limit)
	if !ok || !known || !limited || !j.cached(limit) {
		return Finding{}, false
	}
	return Finding{
		Verdict: rows.VerdictPageCache, Confidence: 1,
		Evidence: []string{
			fmt.Sprintf("usage is %s of %s (%.1f %%), of which %s are reclaimable page cache and slab",
				bytesText(usage), bytesText(limit), 100*usage/limit, bytesText(reclaimable)),
			fmt.Sprintf("unreclaimable memory is %s (%.1f %%)", bytesText(usage-reclaimable), 100*(usage-reclaimable)/limit),
		},
		Next: []string{
			"nothing to fix: alert on usage - reclaimable (jvmem) or on the working set " +
				"(container_memory_working_set_bytes, kubernetes.container.memory.workingset.bytes), not on usage",
			"if the application is slow, look at what reads files: pages in constant use are evicted and read again",
		},
	}, true
}

// cached reports whether usage came near the limit because of page cache, and has not left it since: the kernel
// reclaims at the limit, and page cache comes back at once.
func (j *judge) cached(limit float64) bool {
	var times []int64
	var reclaimable []float64
	for time, p := range j.c.PointsSince(history.Reclaimable, j.at-levelMillis) {
		times, reclaimable = append(times, time), append(reclaimable, float64(p.Last))
	}
	return lasts(func(yield func(int64, float64) bool) {
		for time, p := range j.c.PointsSince(history.Usage, j.at-levelMillis) {
			i, known := slices.BinarySearch(times, time)
			if known && time <= j.at && !yield(time, min(float64(p.Last)/(nearLimit*limit), reclaimable[i]/(cacheShare*limit))) {
				return
			}
		}
	}, 0)
}
