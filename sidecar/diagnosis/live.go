package diagnosis

import (
	"iter"
	"math"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// A collection of the old generation that frees next to nothing proves more than what it
// leaves: all that was in use before it was live, as nothing that is dead comes back. So the
// whole curve up to it counts, and few such collections are enough.

const (
	// retainedBy is how many collections must have left nearly all that came up, and
	// mostFreed the part of it that they may have freed together.
	retainedBy, mostFreed = 2, 0.25
	// increase is the least that comes up between two collections, of the old generation.
	// Between the two pauses of a cycle nothing does.
	increase = 0.01
	// settledBy is how many collections of the heap G1 takes to free what it found.
	settledBy = 4
)

// settled are the collections of the old generation whose garbage is gone by now. G1 and
// others free it only with later collections of the heap, some time after they found it. All count a
// collection when it begins: a sample that sees one may be taken before it freed anything.
func (j *judge) settled() []survival {
	all := j.survivals(history.OldUsed)
	if j.collectedBy("CMS") {
		all = j.cycles(all)
	}
	n := len(all)
	if n == 0 {
		return nil
	}
	last := &all[n-1]
	if j.fullCollections() && last.at == j.at && last.after >= last.before || !j.fullCollections() && j.heapFalls(last.at) < settledBy {
		return all[:n-1]
	}
	return all
}

// cycles joins the two pauses of a cycle of CMS, which the JVM counts as two collections: the first one, before
// it marks, frees nothing.
func (j *judge) cycles(pauses []survival) []survival {
	limit, _ := j.maxOld()
	all := make([]survival, 0, len(pauses))
	joined := false
	for _, s := range pauses {
		k := len(all) - 1
		if joined = k >= 0 && !joined && s.before-all[k].after <= increase*limit; joined {
			all[k] = survival{s.at, max(all[k].before, s.before), s.after}
		} else {
			all = append(all, s)
		}
	}
	return all
}

// live is the trend of the old generation up to the last collection, where collections left
// nearly all that came up.
func (j *judge) live(w window) (trend, bool) {
	all := j.settled()
	n := len(all)
	if n < retainedBy {
		return trend{}, false
	}
	limit, known := j.maxOld()
	if !known {
		limit = j.scale()
	}
	first := j.leastBefore(all[0].at)
	counted, promoted, freed, floor := 0, 0.0, 0.0, first
	for _, s := range all {
		if came := s.before - floor; j.x(s.at) >= w.from && came > increase*limit {
			counted, promoted, freed = counted+1, promoted+came, freed+max(0, s.before-s.after)
		}
		floor = s.after
	}
	end := window{w.from, j.x(all[n-1].at)}
	if counted < retainedBy || freed > mostFreed*promoted || end.to-end.from < (w.to-w.from)/2 {
		return trend{}, false
	}
	return j.newTrend(j.livePoints(all, first), end, bins)
}

// leastBefore is the least of the old generation before a time, since the JVM started.
func (j *judge) leastBefore(at int64) float64 {
	least := math.Inf(1)
	for time, p := range j.c.Points(history.OldUsed) {
		if time >= j.started && time < at {
			least = min(least, float64(p.Min))
		}
	}
	return least
}

// livePoints are the points of the old generation up to the last collection, without the part
// that the next collection freed.
func (j *judge) livePoints(all []survival, first float64) iter.Seq2[int64, history.Point] {
	return func(yield func(int64, history.Point) bool) {
		k, floor := 0, first
		for time, p := range j.c.Points(history.OldUsed) {
			if time < j.started {
				continue
			}
			for k < len(all) && time >= all[k].at {
				floor = all[k].after
				k++
			}
			if k == len(all) {
				value := int64(floor)
				yield(time, history.Point{Last: value, Min: value, Max: value})
				return
			}
			stays := 0.0
			if came := all[k].before - floor; came > 0 {
				stays = max(0, all[k].after-floor) / came
			}
			value := int64(min(floor, all[k].after) + stays*max(0, float64(p.Min)-floor))
			if !yield(time, history.Point{Last: value, Min: value, Max: value}) {
				return
			}
		}
	}
}

// holders names what may still hold a heap that grows, and the collection that must come before
// it is a leak; "" if it came.
func (j *judge) holders(t *trend, limit float64) string {
	if missing := j.unloadingMissing(); missing != "" && j.classesExplain(window{t.from, t.to}, t.perHour(), causal) {
		return missing
	}
	all := j.settled()
	if n := len(all); n > 0 {
		soft := j.softMillis()
		level := t.floors[len(t.floors)-1].value
		old := j.valueAt(history.OldUsed, all[n-1].at-soft)
		if old-t.floors[0].value < (level-t.floors[0].value)/2 && 3.6e6*(limit-level)/t.rate > float64(soft) {
			return oldCollection + " after soft references ended (" + seconds(float64(soft)/1000) + " unused)"
		}
	}
	return ""
}

// classesExplain reports whether growth may be held by classes: their number grew with it, and
// metaspace, times a factor, as much or more.
func (j *judge) classesExplain(w window, of *Rate, factor float64) bool {
	classes, ok := j.trendOf(history.Classes, w)
	metaspace, known := j.trendOf(history.Row(rows.Metaspace), w)
	return ok && known && of != nil && classes.z >= minZ && metaspace.z >= minZ && factor*metaspace.rate >= float64(of.BytesPerHour)
}
