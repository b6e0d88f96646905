package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// notJudged names what could not be judged, and why. It is not known to be calm.
func (j *judge) notJudged(incidents []Incident) (all []string) {
	if len(j.c.JVMs) == 0 {
		return nil
	}
	_, old := j.now(history.OldUsed)
	_, collections := j.now(history.OldCollections)
	_, classes := j.now(history.Classes)
	switch {
	case !old:
		all = append(all, "Java heap (old generation unknown)")
	case !collections:
		all = append(all, "Java heap (number of its collections unknown)")
	default:
		suspected := slices.ContainsFunc(incidents, func(i Incident) bool { return i.Verdict == rows.VerdictHeap && i.State == Suspected })
		if gain, ok := j.uncollected(); ok && !suspected { // else its incident says so
			all = append(all, "Java heap (its old generation has gained "+bytesText(gain)+" and was not collected since)")
		}
	}
	if !classes {
		all = append(all, "class loaders (number of classes unknown)")
	}
	if len(j.c.Missing) > 0 {
		all = append(all, "rows that are unknown ("+strings.Join(j.c.Missing, ", ")+")")
	}
	return all
}

const notJudgedText = "not judged: "

// uncollected returns what the old generation gained, if that could be a leak and no
// collection has shown yet what of it survives.
func (j *judge) uncollected() (gain float64, ok bool) {
	if len(j.collectionTimes(window{j.started, j.at})) > 0 {
		return 0, false
	}
	return j.oldGain()
}

// oldGain is what the old generation gained since the JVM started; not ok if that is too little
// for a leak.
func (j *judge) oldGain() (gain float64, ok bool) {
	limit, known := j.maxOld()
	now, ok := j.now(history.OldUsed)
	if !known || !ok {
		return 0, false
	}
	gain = now - j.valueAt(history.OldUsed, j.started)
	return gain, gain >= minHeapGain*limit && now >= minHeapShare*limit
}

// suspicious is the part of what came up in the old generation that collections must have left: the
// rest is what any of them finds.
const suspicious = 0.5

// fullCache is the part of what earlier collections left, of what came up, below which a cache is full, or was
// filled since the one before.
const fullCache = 0.75

// promotedAndLeft is what came up in the old generation before its collections, and what these left of
// it: n of them, and of these the last one.
func (j *judge) promotedAndLeft() (n int, all, last promotion) {
	limit, _ := j.maxOld()
	floor := j.valueAt(history.OldUsed, j.started)
	for _, s := range j.settled() {
		if came := s.before - floor; came > increase*limit {
			last = promotion{came, s.after - floor}
			n, all.came, all.left = n+1, all.came+last.came, all.left+last.left
		}
		floor = s.after
	}
	return n, all, last
}

// promotion is what came up, in bytes, and what a collection left of it.
type promotion struct{ came, left float64 }

// leftLess says that the last collection, of a collector that frees what it found at once, left much
// less of what came up than those before: what takes the place of something else in a cache is
// freed with it. "": it did not.
func (j *judge) leftLess() string {
	n, all, last := j.promotedAndLeft()
	if n < 2 || !j.freesAtOnce() || last.left*(all.came-last.came) >= fullCache*(all.left-last.left)*last.came {
		return ""
	}
	return fmt.Sprintf("the last %s left %s of %s, less than before, as if a cache is full", strings.TrimPrefix(oldCollection, "a "), bytesText(max(0, last.left)), bytesText(last.came))
}

// leftNearlyAll reports whether there were collections, and what came up before them was live.
func (j *judge) leftNearlyAll() bool {
	n, all, _ := j.promotedAndLeft()
	return n > 0 && all.left >= (1-mostFreed)*all.came
}

// mayBeLive is the trend of the old generation without what collections freed. What came up since the
// last one counts as far as they left what came before.
func (j *judge) mayBeLive(w window) (trend, bool) {
	all := j.settled()
	if len(all) == 0 {
		return j.trendOf(history.OldUsed, w)
	}
	_, sum, _ := j.promotedAndLeft()
	stays, last := 1.0, all[len(all)-1]
	if sum.came > 0 {
		stays = max(0, min(sum.left/sum.came, 1))
	}
	return j.newTrend(func(yield func(int64, history.Point) bool) {
		for time, p := range j.livePoints(all, j.valueAt(history.OldUsed, j.started)) {
			if !yield(time, p) {
				return
			}
		}
		for time, p := range j.c.PointsSince(history.OldUsed, last.at) {
			value := int64(last.after + stays*max(0, float64(p.Min)-last.after))
			if time > last.at && !yield(time, history.Point{Last: value, Min: value, Max: value}) {
				return
			}
		}
	}, w, bins)
}

// heapUncollected finds an old generation that grows, of which too few collections have shown what
// survives: none, or some that left half or more of what came up. All of the rest may be garbage.
func (j *judge) heapUncollected() (Finding, bool) {
	limit, _ := j.maxOld()
	if gain, ok := j.oldGain(); !ok || gain < j.least() {
		return Finding{}, false
	}
	seen, sum, _ := j.promotedAndLeft()
	if sum.left < suspicious*sum.came || j.undivided && (seen >= retainedBy || sum.left < (1-mostFreed)*sum.came) {
		return Finding{}, false
	}
	waiting := oldCollection
	if seen > 0 {
		waiting = fmt.Sprintf("another %s: so far %d left %s of %s", strings.TrimPrefix(oldCollection, "a "), seen, bytesText(sum.left), bytesText(sum.came))
	}
	now, _ := j.now(history.OldUsed)
	t, ok := j.risingIn(j.mayBeLive, minHeapGain*limit, limit-now)
	if !ok {
		return Finding{}, false
	}
	f := Finding{Verdict: rows.VerdictHeap, Rate: t.perHour(), Confidence: t.confidence(limit), waiting: waiting, uncollected: true}
	f.measured(history.OldUsed, &t)
	f.shared(j, t.rate)
	f.Evidence = []string{"old generation: " + t.text(inBytes()), fmt.Sprintf("the old generation can grow to %s", bytesText(limit))}
	return f, true
}

const oldCollection = "a collection of the old generation"

// calmText is the summary where nothing was found: first what could not be judged, then what
// is suspected.
func (d *Diagnosis) calmText() string {
	var parts []string
	if len(d.NotJudged) > 0 {
		parts = append(parts, notJudgedText+strings.Join(d.NotJudged, ", "))
	}
	suspected := d.suspected()
	if suspected != "" {
		parts = append(parts, suspected)
	}
	switch { // the sentence goes on with how fast memory grows
	case d.Growth != nil && suspected == "":
		parts = append(parts, "no cause identified yet")
	case d.Growth == nil && suspected == "":
		parts = append(parts, phrases[d.Verdict])
	case d.Growth == nil:
		parts = append(parts, "no other sustained growth")
	}
	return strings.Join(parts, "; ")
}

// suspected names the first suspicion that is not confirmed; "" if there is none.
func (d *Diagnosis) suspected() string {
	for k := range d.Incidents {
		i := &d.Incidents[k]
		if i.State != Suspected {
			continue
		}
		text, why := i.phrase()+", +"+i.unit().text(i.Gained)+" since "+clockText(i.Since), "not confirmed"
		if missing := i.missing(); missing != "" {
			text += ", " + missing
		}
		if i.Waiting != "" {
			why = "not collected yet"
		}
		if i.IfLeak != nil {
			text += "; if it leaks, " + i.IfLeak.sentence()
		}
		return "suspected, " + why + ": " + text
	}
	return ""
}
