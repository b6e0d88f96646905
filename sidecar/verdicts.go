package sidecar

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/evidence"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/incidents"
	"github.com/jvmem/jvmem/sidecar/rows"
	"github.com/jvmem/jvmem/sidecar/sizing"
)

// The evidence that may be collected, by name. Several are separated by commas.
const (
	EvidenceNone  = "none"
	EvidenceCheap = "cheap"
	EvidenceJFR   = "jfr"
	EvidenceHeap  = "heap"
	EvidenceTrace = "trace"
	EvidenceGains = "gains"
)

// ParseEvidence returns what a list allows. JFR and heap include what is cheap.
func ParseEvidence(list string) (evidence.Allowed, error) {
	var allowed evidence.Allowed
	for name := range strings.SplitSeq(list, ",") {
		switch name {
		case EvidenceNone:
			allowed.None = true
		case EvidenceCheap, "":
		case EvidenceJFR:
			allowed.Recordings = true
		case EvidenceHeap:
			allowed.Heap = true
		case EvidenceTrace:
			allowed.Trace = true
		case EvidenceGains:
			allowed.Gains = true
		default:
			return allowed, fmt.Errorf("--evidence %q: must be none, cheap, or some of jfr, trace, gains, heap", list)
		}
	}
	switch {
	case allowed.None && (allowed.Recordings || allowed.Heap):
		return allowed, fmt.Errorf("--evidence %q: none excludes the others", list)
	case (allowed.Trace || allowed.Gains) && !allowed.Recordings:
		return allowed, fmt.Errorf("--evidence %q: trace and gains need jfr", list)
	}
	return allowed, nil
}

// verdict holds the state of a container's verdicts.
type verdict struct {
	incidents.Container
	last *diagnosis.Diagnosis
	// named: the log has the direct cause of the verdict.
	named bool
}

// unjudged reports whether a container has too little history for a verdict.
func (l *loop) unjudged(c breakdown.Container) bool {
	v := l.verdicts[c.Key()]
	return v == nil || v.last == nil || v.last.Verdict == rows.VerdictNotEnoughHistory
}

// judge diagnoses the containers of a report when a judgment is due, and when one of them
// is new, as it may be killed before the next time.
func (l *loop) judge(ctx context.Context, r *breakdown.Report) error {
	isNew := func(c breakdown.Container) bool { return l.verdicts[c.Key()] == nil }
	if due := l.pace.Sample(); !due && !slices.ContainsFunc(r.Containers, isNew) {
		return nil
	}
	sizes := &sizing.Report{Schema: sizing.Schema, Time: r.Time, Pod: r.Pod, Containers: []sizing.Container{}}
	d := &diagnosis.Report{Schema: diagnosis.Schema, Time: r.Time, Pod: r.Pod, Containers: []diagnosis.Diagnosis{}}
	verdicts := make(map[rows.Key]*verdict)
	changed := false
	for i := range r.Containers {
		c := &r.Containers[i]
		v := l.verdicts[c.Key()]
		if v == nil {
			v = &verdict{Container: incidents.Container{Tracker: l.incidents.Tracker(c.Identity)}}
		}
		v.Identity = c.Identity
		verdicts[c.Key()] = v
		before := slices.Clone(v.Incidents)
		var found *diagnosis.Diagnosis
		var change diagnosis.Change
		l.history.Container(c, func(h *history.Container) {
			judged, changed := v.Judge(h)
			found, change = &judged, changed
			sizes.Containers = append(sizes.Containers, sizing.Of(h, found))
		})
		if found == nil {
			continue // more containers than are remembered
		}
		v.last = found
		l.gather(ctx, r.Time, c, found)
		named := found.NameCause()
		if change == "" && named && !v.named {
			change = diagnosis.CauseNamed
		}
		if change != "" {
			v.named = named
			if err := l.options.Log.Diagnosis(ctx, r.Time, r.Pod, found, change); err != nil {
				return err
			}
		}
		for _, change := range incidents.Changes(before, found.Incidents, r.Time) {
			changed = true
			if err := l.options.Log.Incident(ctx, r.Time, r.Pod, c.Identity, &change); err != nil {
				return err
			}
		}
		d.Containers = append(d.Containers, *found)
	}
	for key, v := range l.verdicts {
		// A container may be missing from one report. Its incidents go on while it has a history.
		if verdicts[key] == nil && l.history.Has(v.Identity) {
			verdicts[key] = v
		}
	}
	kept := make([]incidents.Container, 0, len(verdicts))
	for _, v := range verdicts {
		kept = append(kept, v.Container)
	}
	l.warn("incidents", l.incidents.Save(r.Time, changed, kept))
	l.verdicts = verdicts
	l.state.SetDiagnosis(d)
	l.state.SetSizes(sizes)
	return nil
}

// gather adds the evidence that the JVMs are asked for, once in an incident and at its
// first suspicion where that costs them little: a JVM may end before it is confirmed.
func (l *loop) gather(ctx context.Context, now time.Time, c *breakdown.Container, d *diagnosis.Diagnosis) {
	for i := range d.Findings {
		f := &d.Findings[i]
		f.Gathered = l.evidence.Gather(ctx, now, c, f, evidence.Confirmed)
		if l.options.Evidence.Heap {
			f.Next = slices.DeleteFunc(f.Next, func(step string) bool { return step == diagnosis.HistogramHint })
		}
	}
	for i := range d.Incidents {
		if in := &d.Incidents[i]; in.State == diagnosis.Suspected {
			in.Gathered = l.evidence.Gather(ctx, now, c, &diagnosis.Finding{Verdict: in.Verdict, Subject: in.Subject}, evidence.StageOf(in.Verdict, in.Opened, now))
		}
	}
	l.evidence.Baseline(ctx, now, c)
}

// addOwners shows the owners of native memory by the last looks at them. The containers may
// have been published before: they are not changed.
func (l *loop) addOwners(r *breakdown.Report) {
	r.Containers = slices.Clone(r.Containers)
	for i := range r.Containers {
		r.Containers[i] = r.Containers[i].WithOwners(l.evidence.Looks(&r.Containers[i]))
	}
}
