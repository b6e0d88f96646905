package diagnosis

import (
	"math"
	"slices"
	"time"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// levelPoints is how many points tell a level, at least.
const levelPoints = 3

// level is what the measure of an incident holds now, without what comes and goes: its
// least value of late.
func (j *judge) level(i *Incident) (float64, bool) {
	late := max(j.at-i.Since.UnixMilli(), 0) / bins
	from := j.at - late
	switch {
	case j.concurrent() && i.Measure == history.OldUsed:
		// Each collection finds only a part of the garbage, and none comes while the load pauses.
		from = j.lastCollection(i.Measure) - max(late, minute)
	case collected(i.Measure):
		from = j.lastCollection(i.Measure)
	}
	least, n := math.Inf(1), 0
	var last [levelPoints]float64 // a short time may have no points
	before, grown := int64(math.MinInt64), i.LastGrowth.UnixMilli()
	for at, p := range j.c.Points(i.Measure) {
		if at > j.at {
			break
		}
		began := before // of the step, or after it
		before = at
		if began < grown && !collected(i.Measure) {
			continue // it was less then, which does not mean that it was freed
		}
		last[n%len(last)] = float64(p.Min)
		n++
		if at >= from {
			least = min(least, float64(p.Min))
		}
	}
	if n < len(last) {
		return 0, false
	}
	if !collected(i.Measure) {
		least = min(least, slices.Min(last[:]))
	}
	return least, !math.IsInf(least, 1)
}

// idle is how long an incident did not grow; 0 while too few samples tell.
func (j *judge) idle(i *Incident) time.Duration {
	n := 0
	for range j.c.PointsSince(history.JVMGeneration, i.LastGrowth.UnixMilli()+1) {
		if n++; n == levelPoints {
			return time.UnixMilli(j.at).Sub(i.LastGrowth)
		}
	}
	return 0
}

// collected reports whether only collections show what a measure holds.
func collected(measure string) bool {
	return measure == history.OldUsed || measure == history.Classes
}

// lastCollection is since when the old generation, or the loaded classes, hold no more
// than what survived.
func (j *judge) lastCollection(measure string) int64 {
	if measure == history.OldUsed {
		if all := j.settled(); len(all) > 0 {
			return all[len(all)-1].at
		}
		return j.at
	}
	times := j.collectionTimes(window{math.MinInt64, j.at})
	if len(times) == 0 {
		return j.at
	}
	return times[len(times)-1]
}

// promoted is how much came up in the old generation before the collections between two moments, and
// how many of these there were. A collector that works all the time collects where nothing came.
func (j *judge) promoted(from, to int64) (n int, bytes float64) {
	limit, _ := j.maxOld()
	after := math.Inf(1)
	for _, s := range j.settled() {
		came := s.before - after
		if math.IsInf(after, 1) {
			came = s.before - j.leastBefore(s.at)
		}
		after = s.after
		if s.at > from && s.at <= to && came > increase*limit {
			n, bytes = n+1, bytes+came
		}
	}
	return n, bytes
}

// nearlyFull is the part of a heap without generations that leaves no room for a bound.
const nearlyFull = 0.85

// maybeGarbage reports whether the level of a suspicion may be garbage, as a heap without generations
// holds more or less of it: no growth is found any more, and there is room left.
func (j *judge) maybeGarbage(i *Incident, level float64) bool {
	limit, known := j.maxOld()
	return j.undivided && i.Measure == history.OldUsed && i.InARow == 0 && !i.full && (!known || level < nearlyFull*limit)
}

// measureOf is the series by which a leak of a detail is followed. The details of malloc
// move against each other; what is resident does not.
func measureOf(series string) string {
	switch series {
	case history.Detail(rows.Native, rows.Untracked), history.Detail(rows.Native, rows.Malloc), history.Detail(rows.Native, rows.Mmap),
		history.Detail(rows.Native, rows.AllocatorRetained), history.Detail(rows.Native, rows.JVMInternal):
		return history.Row(rows.Native)
	}
	return series
}

// rest is how long growth of a measure may not show, because collections have to show it.
func (j *judge) rest(measure string) int64 {
	if !collected(measure) {
		return 0
	}
	longest, last := int64(0), j.started
	for _, at := range append(j.collectionTimes(window{j.started, j.at}), j.at) {
		longest, last = max(longest, at-last), at
	}
	return longest
}

// levelledShare is the part of the growth of the first half, in the second, up to which a heap has levelled off.
const levelledShare = 0.2

// levelled reports whether a heap that was found growing has levelled off since: a cache that filled within
// a minute of the start comes and goes by more than what is asked for to confirm a leak.
func (j *judge) levelled(i *Incident) bool {
	if i.Measure != history.OldUsed || i.full {
		return false
	}
	t, ok := j.surviving(i, j.windows[0])
	return ok && t.bend < levelledShare
}
