package diagnosis

import (
	"math"
	"slices"
	"time"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// Change is a change of a container's verdict.
type Change string

// The changes. "" is none.
const (
	Appeared Change = "verdict_appeared"
	Changed  Change = "verdict_changed"
	Cleared  Change = "verdict_cleared"
	// CauseNamed means that the evidence, which comes later, names the direct cause.
	CauseNamed Change = "cause_named"
)

// settle is how often in a row a verdict that is no leak must be found to be reported:
// near a threshold it comes and goes.
const settle = 2

// Tracker follows the leaks of one container from judgment to judgment. The zero value
// has seen none. It can be written as JSON and read back.
type Tracker struct {
	// Incidents are those of the present JVM, the one that is the verdict first.
	Incidents []Incident `json:"incidents"`
	// Generation is the JVM generation of the history; another one is another JVM.
	Generation int64 `json:"generation"`

	started        bool
	reported, seen verdictKey
	times          int
}

type verdictKey struct {
	verdict rows.Verdict
	subject string
}

// Judge judges a history as of its last sample, and returns what changed since the last
// judgment. The first judgment of a tracker follows the whole history.
func (t *Tracker) Judge(c *history.Container) (Diagnosis, Change) {
	var was Incident // read back, and reported before
	if !t.started && len(t.Incidents) > 0 {
		was = t.Incidents[0]
	}
	if !t.started && t.Generation == 0 {
		for _, at := range moments(c) {
			t.judge(until(c, at))
		}
	}
	d := t.judge(c)
	if was.open() && d.Verdict == was.Verdict && t.Incidents[0].Opened.Equal(was.Opened) {
		t.reported = verdictKey{d.Verdict, d.Subject}
	}
	t.started = true
	return d, t.change(&d)
}

// judge is Judge for one moment.
func (t *Tracker) judge(c *history.Container) Diagnosis {
	j := newJudge(c)
	if j.generation != t.Generation {
		t.Incidents, t.Generation = nil, j.generation
	}
	found := j.leaks(t.Incidents)
	t.take(j, found)
	return j.conclude(t.Incidents)
}

// take brings the incidents up to date with what was found.
func (t *Tracker) take(j *judge, found []Finding) {
	at := time.UnixMilli(j.at).UTC()
	seen := make(map[rows.Verdict]bool)
	for k := range found {
		f := &found[k]
		if seen[f.Verdict] {
			continue // one leak under several names
		}
		i := t.incident(f.Verdict)
		if i != nil && f.uncollected && !i.Uncollected {
			i.Seen = at // what is known of it already says more
			continue
		}
		seen[f.Verdict] = true
		if i == nil {
			t.Incidents = append(t.Incidents, Incident{Verdict: f.Verdict, State: Suspected, Opened: at})
			i = &t.Incidents[len(t.Incidents)-1]
			i.begin(f, j)
		} else if i.Uncollected && !f.uncollected || i.State == Suspected && i.Few && !f.few {
			i.begin(f, j) // what was found before may have been garbage
		}
		i.see(f, at)
		if i.State == Suspected && staysWhileFull(i.Verdict) {
			if _, full := j.heapFull(); full {
				i.Sightings, i.InARow = 0, 0
			}
		}
	}
	for k := range t.Incidents {
		i := &t.Incidents[k]
		if i.State == Closed {
			continue // what grows again is another one
		}
		if !seen[i.Verdict] {
			i.InARow = 0
		}
		i.RestMillis = j.rest(i.Measure)
		level, known := j.level(i)
		if i.Verdict == rows.VerdictHeap {
			i.fill(j)
			if i.full && (i.Waiting == "" || i.Uncollected && j.leftNearlyAll()) {
				i.Sightings = max(i.Sightings, sightingsInAll) // it grew until there was no more room
				i.Waiting, i.Uncollected = "", false
			}
		}
		i.follow(level, known, j)
	}
	// What was found and has gone by now is none.
	t.Incidents = slices.DeleteFunc(t.Incidents, func(i Incident) bool { return i.State == Closed && i.Opened.Equal(at) })
	t.rank()
}

// staysWhileFull reports whether what is suspected says nothing while the heap is full: as long as the JVM only
// collects, threads wait for memory, and what they would free stays.
func staysWhileFull(v rows.Verdict) bool {
	return v == rows.VerdictThreads || v == rows.VerdictClassLoader || v == rows.VerdictHeap
}

// begin starts to follow what was found.
func (i *Incident) begin(f *Finding, j *judge) {
	i.Subject, i.LastGrowth, i.Since = f.Subject, time.UnixMilli(j.at).UTC(), time.UnixMilli(f.window.from).UTC()
	i.Measure, i.From, i.To, i.Sightings, i.InARow, i.Few = f.measure, f.from, f.to, 0, 0, f.few
	if level, known := j.level(i); known && i.Measure == history.OldUsed && level > i.From {
		i.To = min(i.To, level) // the rest is not collected yet
	}
	gain := i.To - i.From
	i.NeededIfSlow = (1 + newsIfSlow) * gain
	if part := news(i.Verdict); part > 0 {
		if f.few {
			part = newsOfFew
		}
		i.Needed = gain + part*min(gain, j.roomOf(i))
		if limit, ok := j.maxOld(); ok && i.Measure == history.OldUsed {
			i.Needed = max(i.Needed, busyShare*limit-i.From) // caches are made to fill a part of the heap
		}
	}
}

// roomOf is how much more the measure of an incident, in bytes, can hold; +Inf if that is not known.
func (j *judge) roomOf(i *Incident) float64 {
	if i.Measure != history.OldUsed {
		return j.room()
	}
	if limit, ok := j.maxOld(); ok {
		return max(0, limit-i.To)
	}
	return math.Inf(1)
}

// incident returns the incident of a verdict that is not closed.
func (t *Tracker) incident(v rows.Verdict) *Incident {
	for k := range t.Incidents {
		if i := &t.Incidents[k]; i.Verdict == v && i.State != Closed {
			return i
		}
	}
	return nil
}

const (
	// maxIncidents bounds how many are kept, with those that are closed.
	maxIncidents = 8
	// outweighs: another leak becomes the verdict when it grows that much faster.
	outweighs = 3
)

// rank puts the incident first that is the verdict: the one that was confirmed first,
// unless another one outweighs it.
func (t *Tracker) rank() {
	first := -1
	for k := range t.Incidents {
		i := &t.Incidents[k]
		if i.open() && (first < 0 || i.weight() > outweighs*t.Incidents[first].weight() && !i.keptBy(&t.Incidents[first])) {
			first = k
		}
	}
	if first > 0 {
		i := t.Incidents[first]
		copy(t.Incidents[1:first+1], t.Incidents[:first])
		t.Incidents[0] = i
	}
	for k := len(t.Incidents) - 1; k > 0 && len(t.Incidents) > maxIncidents; k-- {
		if !t.Incidents[k].open() {
			t.Incidents = append(t.Incidents[:k], t.Incidents[k+1:]...)
		}
	}
}

// keptBy reports whether what leaks may be kept by another leak that grows: a thread keeps its context class
// loader, as one of an application that was redeployed does, and no class loader keeps a thread.
func (i *Incident) keptBy(other *Incident) bool {
	return i.Verdict == rows.VerdictClassLoader && other.Verdict == rows.VerdictThreads && other.State == Confirmed
}

func (i *Incident) weight() float64 {
	f := i.last()
	return f.weight()
}

// change returns what became of the verdict.
func (t *Tracker) change(d *Diagnosis) Change {
	now := verdictKey{d.Verdict, d.Subject}
	if d.Verdict == rows.VerdictNotEnoughHistory || d.Verdict == rows.VerdictNone {
		now = verdictKey{}
	}
	if now != t.seen {
		t.seen, t.times = now, 0
	}
	t.times++
	// An incident was confirmed already, and what hurts now lasted for some samples.
	sure := now.verdict.Leak() || now.verdict.Urgent() && now.verdict != rows.VerdictNotObservable
	if now == t.reported || t.times < settle && !sure {
		return ""
	}
	before := t.reported
	t.reported = now
	switch {
	case before == verdictKey{}:
		return Appeared
	case now == verdictKey{}:
		return Cleared
	}
	return Changed
}
