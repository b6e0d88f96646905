package sidecar

import (
	"context"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/eventlog"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/server"
)

// samplesPerVerdict is how many samples come between two judgments: one a minute
// at the default interval.
const samplesPerVerdict = 6

// loop samples at once and then each interval, remembers, judges and logs. A
// sample that takes longer than the interval delays the next one: samples never
// run side by side.
type loop struct {
	options ServeOptions
	sampler *Sampler
	state   *server.State
	history *history.Store

	samples  int
	verdicts map[string]*verdict // by container
	logged   time.Time
	// told is the last failure of each kind, which is logged once.
	told map[string]string
}

// verdict is what is kept of a container's verdicts.
type verdict struct {
	diagnosis.Tracker
	// evidence was asked for once for each, by verdict and subject.
	evidence map[[2]string]*diagnosis.Gathered
}

func newLoop(o ServeOptions, state *server.State) *loop {
	return &loop{
		options: o, sampler: NewSampler(o.Options), state: state, history: state.History,
		verdicts: make(map[string]*verdict), told: make(map[string]string),
	}
}

func (l *loop) close() {
	_ = l.sampler.Close() // nothing was written
	l.warn("history", l.history.Close())
}

func (l *loop) run(ctx context.Context) error {
	ticker := time.NewTicker(l.options.Interval)
	defer ticker.Stop()
	for {
		if err := l.sample(ctx); err != nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// sample takes one sample and hands it on. The error is about logging.
func (l *loop) sample(ctx context.Context) error {
	begun := time.Now()
	report, err := l.sampler.Sample(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		report = waiting(err, begun, l.options.Pod)
		l.warnText("sample", report.Sources[0].Reason)
	} else {
		l.warn("sample", nil)
	}
	l.warn("history", l.history.Add(&report))
	if err := l.judge(ctx, &report); err != nil {
		return err
	}
	l.state.Set(&report)
	if l.options.LogInterval > 0 && len(report.Containers) > 0 && time.Since(l.logged) >= l.options.LogInterval {
		l.logged = time.Now()
		return eventlog.Breakdown(ctx, l.options.Log, &report)
	}
	return nil
}

// judge diagnoses the containers that were sampled, each few samples.
func (l *loop) judge(ctx context.Context, r *breakdown.Report) error {
	l.samples++
	if l.samples%samplesPerVerdict != 1 && l.samples > samplesPerVerdict {
		return nil
	}
	d := &diagnosis.Report{Schema: diagnosis.Schema, Time: r.Time, Pod: r.Pod, Containers: []diagnosis.Diagnosis{}}
	verdicts := make(map[string]*verdict)
	for i := range r.Containers {
		c := &r.Containers[i]
		var found *diagnosis.Diagnosis
		l.history.Container(c, func(h *history.Container) { found = new(diagnosis.Diagnose(h)) })
		if found == nil {
			continue // more containers than are remembered
		}
		key := c.ID + c.Cgroup
		verdicts[key] = l.verdicts[key]
		if verdicts[key] == nil {
			verdicts[key] = &verdict{evidence: make(map[[2]string]*diagnosis.Gathered)}
		}
		l.addEvidence(ctx, c, found, verdicts[key])
		if change := verdicts[key].Update(found); change != "" {
			if err := eventlog.Diagnosis(ctx, l.options.Log, r.Time, r.Pod, found, change); err != nil {
				return err
			}
		}
		d.Containers = append(d.Containers, *found)
	}
	l.verdicts = verdicts
	l.state.SetDiagnosis(d)
	return nil
}

// maxEvidence bounds how often the JVMs of a container are asked for evidence.
const maxEvidence = 16

// addEvidence asks for what supports a verdict when it is first suspected, and adds
// what was told then.
func (l *loop) addEvidence(ctx context.Context, c *breakdown.Container, d *diagnosis.Diagnosis, v *verdict) {
	for i := range d.Findings {
		f := &d.Findings[i]
		key := [2]string{string(f.Verdict), f.Subject}
		if _, asked := v.evidence[key]; !asked && len(v.evidence) < maxEvidence {
			v.evidence[key] = l.sampler.gather(ctx, c, f, l.options.Evidence == EvidenceHeap)
		}
		f.Gathered = v.evidence[key]
	}
}

// Glance judges a single report: whether the settings fit the limit. What grows
// takes a history.
func Glance(r *breakdown.Report) (*diagnosis.Report, error) {
	once, err := history.Open(history.Options{Retention: time.Hour})
	if err == nil {
		err = once.Add(r)
	}
	if err != nil {
		return nil, err
	}
	return diagnosis.DiagnoseAll(once.Document(time.Time{}, 0)), nil
}

// warn logs an error of a kind, once until it is another one.
func (l *loop) warn(kind string, err error) {
	if err == nil {
		delete(l.told, kind)
		return
	}
	l.warnText(kind, err.Error())
}

func (l *loop) warnText(kind, text string) {
	if l.told[kind] != text {
		l.told[kind] = text
		l.options.Log.Warn(text)
	}
}
