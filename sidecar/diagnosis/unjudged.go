package diagnosis

import (
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

// heapUncollected finds an old generation that grows, of which too few collections have shown what
// survives: none, or one that left most of it. All of it may be garbage.
func (j *judge) heapUncollected() (Finding, bool) {
	limit, _ := j.maxOld()
	if gain, ok := j.oldGain(); !ok || gain < j.least() {
		return Finding{}, false
	}
	waiting, seen, floor := oldCollection, 0, j.valueAt(history.OldUsed, j.started)
	for _, s := range j.settled() {
		if came := s.before - floor; came > increase*limit {
			if seen++; seen >= retainedBy || s.before-s.after > mostFreed*came {
				return Finding{}, false
			}
			waiting = "another " + strings.TrimPrefix(oldCollection, "a ") + ": one left " + bytesText(s.after-floor) + " of " + bytesText(came)
		}
		floor = s.after
	}
	now, _ := j.now(history.OldUsed)
	t, ok := j.risingIn(func(w window) (trend, bool) { return j.trendOf(history.OldUsed, w) }, minHeapGain*limit, limit-now)
	if !ok {
		return Finding{}, false
	}
	f := Finding{Verdict: rows.VerdictHeap, Rate: t.perHour(), Confidence: t.confidence(limit), waiting: waiting, uncollected: true}
	f.measured(history.OldUsed, &t)
	f.shared(j, t.rate)
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
	nothing := phrases[d.Verdict]
	if suspected := d.suspected(); suspected != "" {
		parts, nothing = append(parts, suspected), "no other sustained growth"
	}
	if d.Growth != nil {
		nothing = "memory grows, no cause identified yet"
	}
	return strings.Join(append(parts, nothing), "; ")
}

// suspected names the first suspicion that is not confirmed; "" if there is none.
func (d *Diagnosis) suspected() string {
	for k := range d.Incidents {
		i := &d.Incidents[k]
		if i.State != Suspected {
			continue
		}
		text, why := i.phrase(), "not confirmed"
		if i.Waiting != "" {
			text, why = text+", waiting for "+i.Waiting, "not collected yet"
		}
		return "suspected, " + why + ": " + text
	}
	return ""
}
