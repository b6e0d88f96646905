package evidence

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/evidence/cause"
	"github.com/jvmem/jvmem/jvm/evidence/owners"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// minHistogramRoom is the headroom that a class histogram needs: the JVM allocates
	// some MiB for it.
	minHistogramRoom = 64 << 20
	// maxIncidents bounds the number of incidents of a container with evidence.
	maxIncidents = 16
	// incidentGap is the longest time that a finding may be absent within one incident.
	incidentGap = time.Hour
	// firstRetry is the delay after the first failure. It doubles up to lastRetry.
	firstRetry, lastRetry = time.Minute, time.Hour
	// A difference over less than minApart is mostly chance: after lastApart one more is taken.
	minApart, lastApart = time.Minute, 5 * time.Minute
	// maxFailureBytes bounds what is reported of a query that failed.
	maxFailureBytes = 500
)

// Lend calls use with the JVMs of a container, in a goroutine of its own. It returns when
// that has ended or takes too long; false: the JVMs are not available now.
type Lend func(ctx context.Context, of *breakdown.Container, use func(context.Context, []*jvm.Process)) bool

// Collector gathers evidence. It is for one goroutine at a time.
type Collector struct {
	allowed   Allowed
	lend      Lend
	look      looker
	incidents map[key]*incident
	baselines map[process]*baseline
	takes     <-chan map[process]*owners.Snapshot // nil: no baseline is being taken
	// find returns queryFor, or a fault in tests.
	find func(*diagnosis.Finding, Stage) query
	// start starts recordings, or is a fault in tests.
	start starter
}

// Allowed is the evidence that a user has to enable, and None disables all of it.
type Allowed struct {
	Heap       bool // class histograms, which stop the JVM
	Recordings bool // of JFR, which make the JVM use more memory for good
	Trace      bool // in a recording: methods are instrumented (JDK 25 and newer)
	Gains      bool // with a recording: two full collections count the live objects
	None       bool
}

// Stage is how far a leak is known. It decides which questions are worth their cost.
type Stage int

// The stages.
const (
	Suspected Stage = iota
	Lasting         // suspected for lasting
	Confirmed
)

// lasting is how long a suspicion is awaited to be decided by a collection, which some collectors do
// rarely: the JVM may end first. Clean servers were suspected of class loaders for up to 4.3 minutes,
// caches that filled to their bounds for up to 13, and none of native memory.
var lasting = map[rows.Verdict]time.Duration{
	rows.VerdictClassLoader:     5 * time.Minute,
	rows.VerdictDirectBuffers:   5 * time.Minute,
	rows.VerdictMappedFiles:     5 * time.Minute,
	rows.VerdictNativeUntracked: 5 * time.Minute,
	rows.VerdictHeap:            15 * time.Minute,
}

// StageOf is that of a leak that is suspected since a time.
func StageOf(v rows.Verdict, opened, now time.Time) Stage {
	if long := lasting[v]; long == 0 || now.Sub(opened) < long {
		return Suspected
	}
	return Lasting
}

// key identifies an incident while it lasts.
type key struct {
	container rows.Key
	verdict   rows.Verdict
	subject   string
}

// process identifies a JVM.
type process struct {
	pid        int
	startTicks uint64
}

type incident struct {
	seen    time.Time // when it was last found
	answers map[process]answer
	pending <-chan map[process]answer // nil: no query is running

	recordings map[process]recorded
	recording  <-chan map[process]recorded // nil: none is being started or stopped
}

// answer is the last answer of a JVM.
type answer struct {
	reading
	tried    time.Time // later than that of the reading if the last query failed
	stage    Stage
	failed   string // "": the query succeeded
	failures int    // in a row
}

// retryAt is the time of the next query after a failure.
func (a answer) retryAt() time.Time {
	return a.tried.Add(retryDelay(a.failures))
}

// retryDelay returns the time until the next try after failures in a row.
func retryDelay(failures int) time.Duration {
	if failures < 7 {
		return min(firstRetry<<(failures-1), lastRetry)
	}
	return lastRetry
}

// again reports whether the answer to a confirmed leak has to be compared with a later one.
// That of owners has been compared with a baseline.
func (a answer) again(now time.Time) bool {
	return a.stage == Confirmed && !a.compared && a.owners == nil && now.Sub(a.tried) >= lastApart
}

// New returns a Collector. proc is the mount point of procfs.
func New(proc string, allowed Allowed, lend Lend) *Collector {
	c := &Collector{allowed: allowed, lend: lend, start: starting(cause.Options{Trace: allowed.Trace, Gains: allowed.Gains}), look: newLooker(proc), incidents: make(map[key]*incident), baselines: make(map[process]*baseline)}
	c.find = c.queryFor
	return c
}

// Gather returns the evidence for a finding, and queries the JVMs that have not been
// queried in this incident; those that were when it was suspected are queried again when it
// is confirmed, if a difference says more, and those that were queried too late for that
// some minutes later. nil: there is none, or none yet.
func (c *Collector) Gather(ctx context.Context, now time.Time, of *breakdown.Container, f *diagnosis.Finding, stage Stage) *diagnosis.Gathered {
	if c.allowed.None {
		return nil
	}
	query, kind := c.find(f, stage), c.recordedFor(of, f, stage)
	if query == nil && kind == "" {
		return nil
	}
	i := c.incident(now, key{of.Key(), f.Verdict, f.Subject})
	if i == nil {
		return nil
	}
	i.poll()
	if due := i.due(now, of, stage); query != nil && len(due) > 0 && i.pending == nil {
		if f.Verdict == rows.VerdictHeap && of.HeadroomBytes != nil && *of.HeadroomBytes < minHistogramRoom {
			i.refuse(now, due, "no class histogram: the JVM needs some MiB for it, and the limit is near")
		} else {
			i.query(ctx, now, of, due, stage, query, c.lend)
			i.poll()
		}
	}
	if kind != "" {
		c.record(ctx, now, of, i, kind, stage)
	}
	return i.gathered(of)
}

// incident returns the incident of a key; nil: the container has too many.
func (c *Collector) incident(now time.Time, k key) *incident {
	others := 0
	for other, i := range c.incidents {
		if now.Sub(i.seen) > incidentGap {
			delete(c.incidents, other)
		} else if other.container == k.container {
			others++
		}
	}
	i := c.incidents[k]
	if i == nil {
		if others >= maxIncidents {
			return nil
		}
		i = &incident{answers: make(map[process]answer), recordings: make(map[process]recorded)}
		c.incidents[k] = i
	}
	i.seen = now
	return i
}

// due returns the JVMs of the container to query now.
func (i *incident) due(now time.Time, of *breakdown.Container, stage Stage) map[process]bool {
	due := make(map[process]bool)
	for _, j := range of.JVMs {
		p := process{j.PID, j.StartTicks}
		a, ok := i.answers[p]
		switch {
		case !ok, a.failed != "" && !now.Before(a.retryAt()), a.failed == "" && a.comparable() && (a.stage != Confirmed && stage == Confirmed || a.again(now)):
			due[p] = true
		}
	}
	return due
}

func (i *incident) refuse(now time.Time, due map[process]bool, reason string) {
	for p := range due {
		a := i.answers[p] // what was read before remains
		i.answers[p] = answer{reading: a.reading, tried: now, failed: reason, failures: a.failures + 1}
	}
}

// query queries the JVMs that are due.
func (i *incident) query(ctx context.Context, now time.Time, of *breakdown.Container, due map[process]bool, stage Stage, query query, lend Lend) {
	before := maps.Clone(i.answers)
	i.pending = lendDue(ctx, lend, of, due, func(ctx context.Context, p *jvm.Process, id process) answer {
		earlier := before[id]
		a := answer{stage: stage, tried: now}
		var err error
		if a.reading, err = query(ctx, p, earlier.reading); err != nil {
			a.failed = jvm.Printable(err.Error(), maxFailureBytes)
		}
		a.at, a.compared = time.Now(), earlier.comparable() && now.Sub(earlier.tried) >= minApart
		if a.lines == nil { // what was read before remains
			a.reading = earlier.reading
		}
		return a
	})
}

// lendDue calls use with each JVM of a container that is due. All results arrive at once; nil:
// the JVMs are not available now.
func lendDue[D, R any](ctx context.Context, lend Lend, of *breakdown.Container, due map[process]D, use func(context.Context, *jvm.Process, process) R) <-chan map[process]R {
	results := make(chan map[process]R, 1)
	lent := lend(ctx, of, func(ctx context.Context, jvms []*jvm.Process) {
		all := make(map[process]R)
		for _, p := range jvms {
			status := p.Status()
			id := process{status.PID, status.StartTicks}
			if _, ok := due[id]; ok {
				all[id] = use(ctx, p, id)
			}
		}
		results <- all
	})
	if !lent {
		return nil
	}
	return results
}

// poll takes the answers if they have arrived.
func (i *incident) poll() {
	select {
	case all := <-i.pending: // nil blocks
		i.pending = nil
		for p, a := range all {
			if a.failed != "" {
				a.failures = i.answers[p].failures + 1
			}
			i.answers[p] = a
		}
	default:
	}
}

// gathered returns the answers of the present JVMs of the container, what was recorded first.
func (i *incident) gathered(of *breakdown.Container) *diagnosis.Gathered {
	var g diagnosis.Gathered
	var text, failures []string
	add := func(at time.Time, failed string) {
		if at.After(g.Time) {
			g.Time = at.UTC()
		}
		if failed != "" {
			failures = append(failures, failed)
		}
	}
	for _, j := range of.JVMs {
		p := process{j.PID, j.StartTicks}
		if a, ok := i.answers[p]; ok {
			text = append(text, a.lines...)
			if a.owners != nil {
				g.Owners = append(g.Owners, a.owners)
			}
			add(a.tried, a.failed)
		}
		if r, ok := i.recordings[p]; ok {
			if r.found != nil {
				g.Causes = append(g.Causes, r.found)
				g.Text = append(g.Text, r.found.Lines()...)
			}
			if r.running != nil {
				g.Text = append(g.Text, fmt.Sprintf("which line of code leaks is being recorded with JFR, until %s at the latest", r.end.UTC().Format(time.TimeOnly)))
			}
			add(r.at, r.failed)
		}
	}
	if g.Time.IsZero() {
		return nil
	}
	g.Text = append(g.Text, text...)
	g.Failed = strings.Join(failures, "; ")
	return &g
}
