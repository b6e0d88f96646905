package sidecar

import (
	"context"
	"slices"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
)

const (
	// turnsPerVerdict is how many turns of the loop come between two judgments, and
	// the time to the next sample: one a minute at the default interval.
	turnsPerVerdict = 6
	// maxEvidence bounds how often the JVMs of a container are asked for evidence.
	maxEvidence = 16
)

// verdict is what is kept of a container's verdicts.
type verdict struct {
	diagnosis.Tracker
	last *diagnosis.Diagnosis
	// evidence was asked for once for each, by verdict and subject.
	evidence map[[2]string]*diagnosis.Gathered
}

// containerKey names a container of a report.
func containerKey(c *breakdown.Container) string { return c.ID + " " + c.Cgroup }

// judge diagnoses the containers that were sampled, at first each time, and when one is
// new: it may be killed before the next time.
func (l *loop) judge(ctx context.Context, r *breakdown.Report) error {
	isNew := func(c breakdown.Container) bool { return l.verdicts[containerKey(&c)] == nil }
	if l.turns < l.due && !slices.ContainsFunc(r.Containers, isNew) {
		return nil
	}
	if l.turns > turnsPerVerdict {
		l.due = l.turns + turnsPerVerdict
	}
	d := &diagnosis.Report{Schema: diagnosis.Schema, Time: r.Time, Pod: r.Pod, Containers: []diagnosis.Diagnosis{}}
	verdicts := make(map[string]*verdict)
	for i := range r.Containers {
		c := &r.Containers[i]
		var found *diagnosis.Diagnosis
		l.history.Container(c, func(h *history.Container) { found = new(diagnosis.Diagnose(h)) })
		v := l.verdicts[containerKey(c)]
		if v == nil {
			v = &verdict{evidence: make(map[[2]string]*diagnosis.Gathered)}
		}
		verdicts[containerKey(c)] = v
		if found == nil {
			continue // more containers than are remembered
		}
		v.last = found
		l.addEvidence(ctx, c, v)
		if change := v.Update(found); change != "" {
			if err := l.options.Log.Diagnosis(ctx, r.Time, r.Pod, found, change); err != nil {
				return err
			}
		}
		d.Containers = append(d.Containers, *found)
	}
	l.verdicts = verdicts
	l.state.SetDiagnosis(d)
	return nil
}

// addEvidence asks for what supports a verdict when it is first suspected, and adds
// what was told then.
func (l *loop) addEvidence(ctx context.Context, c *breakdown.Container, v *verdict) {
	for i := range v.last.Findings {
		f := &v.last.Findings[i]
		key := [2]string{string(f.Verdict), f.Subject}
		if _, asked := v.evidence[key]; !asked && len(v.evidence) < maxEvidence {
			v.evidence[key] = gather(ctx, l.sampler, c, f, l.options.Evidence == EvidenceHeap)
		}
		f.Gathered = v.evidence[key]
	}
}
