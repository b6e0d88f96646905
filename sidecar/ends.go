package sidecar

import (
	"context"
	"time"

	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/watch"
)

// jvmKey identifies a JVM.
type jvmKey struct {
	pid        int
	startTicks uint64
}

// lastSeen is the state of a JVM's container in the last sample.
type lastSeen struct {
	container *breakdown.Container
	pod       *breakdown.Pod
	time      time.Time
	verdict   *verdict
	// kills is the OOM counter of the last sample.
	kills int64
	// missed is the time of the first sample without it; zero: there was none.
	missed time.Time
	// reported is when it was last in a report.
	reported time.Time
}

// forgetEnd is how long the state is kept after a JVM was missed: its end is reported
// within seconds.
const forgetEnd = time.Minute

// remember keeps the state that an autopsy needs, and reports restarts to the autopsies.
func (l *loop) remember(r *breakdown.Report) {
	for i := range r.Containers {
		c := &r.Containers[i]
		for k := range c.JVMs {
			l.rememberJVM(r, c, &c.JVMs[k])
		}
		l.warn("autopsies", l.autopsies.Seen(r.Time, c))
	}
	for key, seen := range l.alive {
		switch {
		case seen.reported.Equal(r.Time):
		case seen.missed.IsZero():
			seen.missed = r.Time
		case r.Time.Sub(seen.missed) > forgetEnd:
			delete(l.alive, key)
		}
	}
}

func (l *loop) rememberJVM(r *breakdown.Report, c *breakdown.Container, j *breakdown.JVM) {
	key := jvmKey{j.PID, j.StartTicks}
	seen := l.alive[key]
	if seen != nil {
		seen.reported = r.Time
	}
	if seen == nil {
		if l.alone(key, c) {
			l.search.found()
		}
		seen = &lastSeen{reported: r.Time}
		l.alive[key] = seen
	} else if c.ReadAt != nil || c.UsageBytes == nil && seen.container.UsageBytes != nil {
		return // nothing new, or its cgroup was removed while it was read
	} else if c.OOMKills != nil && *c.OOMKills > seen.kills {
		// The kernel is killing a process. If it is this JVM, its memory is already released.
		seen.kills = *c.OOMKills
		return
	}
	seen.container, seen.pod, seen.time, seen.verdict = c, r.Pod, r.Time, l.verdicts[c.Key()]
	if c.ReadAt != nil {
		seen.time = *c.ReadAt
	}
	seen.missed = time.Time{}
	if c.OOMKills != nil {
		seen.kills = *c.OOMKills
	}
}

// handle handles an event that cannot wait for the next sample. The error is about logging.
func (l *loop) handle(ctx context.Context, event watch.Event) error {
	switch e := event.(type) {
	case *watch.Urgent:
		if l.sampler.Reading(e.Path) {
			return nil // its reading is published when it ends
		}
		return l.sample(ctx)
	case *watch.Ended:
		l.changed = true
		key := jvmKey{e.PID, e.StartTicks}
		seen := l.alive[key]
		delete(l.alive, key)
		if seen == nil || l.alone(key, seen.container) {
			l.search.ended()
		}
		return l.explain(ctx, autopsy.Of(e), seen)
	case *watch.Killed:
		l.changed = true
		for _, seen := range l.alive {
			if seen.container.Path() == e.Path {
				return l.explain(ctx, autopsy.OfOther(e, &seen.container.JVMs[0]), seen)
			}
		}
	}
	return nil
}

// alone reports whether no other JVM of the container runs: tools such as jcmd, which probes
// may start all the time, are JVMs too.
func (l *loop) alone(key jvmKey, c *breakdown.Container) bool {
	for other, seen := range l.alive {
		if other != key && seen.missed.IsZero() && seen.container.Key() == c.Key() {
			return false
		}
	}
	return true
}

// explain adds an autopsy and logs it.
func (l *loop) explain(ctx context.Context, d autopsy.Death, seen *lastSeen) error {
	var s autopsy.State
	var pod *breakdown.Pod
	if seen != nil {
		s.Last, s.LastTime, pod = seen.container, seen.time, seen.pod
		if seen.verdict != nil {
			s.Diagnosis = seen.verdict.last
		}
		// Readings during the end lack the memory that was already released.
		end := seen.time
		if d.Reading != nil && d.Reading.Time.After(end) {
			end = d.Reading.Time
		}
		l.history.Container(seen.container, func(h *history.Container) {
			s.Before = h.Between(seen.time.Add(-autopsy.Before), end)
		})
	}
	a := autopsy.Explain(d, s)
	l.warn("autopsies", l.autopsies.Add(&a))
	return l.options.Log.Autopsy(ctx, pod, &a)
}
