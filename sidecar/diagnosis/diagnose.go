package diagnosis

import (
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// Diagnose judges the history of a container as of its last sample, after all judgments
// that the sidecar would have made before.
func Diagnose(c *history.Container) Diagnosis {
	d, _ := new(Tracker).Judge(c)
	return d
}

// conclude makes a diagnosis of what is known of all leaks.
func (j *judge) conclude(incidents []Incident) Diagnosis {
	d := Diagnosis{Identity: j.c.Identity, Verdict: rows.VerdictNone, Findings: []Finding{}, Incidents: append([]Incident{}, incidents...)}
	if len(j.windows) == 0 {
		d.Verdict = rows.VerdictNotEnoughHistory
	} else {
		d.Since = new(time.UnixMilli(j.windows[0].from).UTC())
	}
	for k := range incidents {
		i := &incidents[k]
		d.Incidents[k].Row = rows.RowOf(i.Verdict, i.Subject)
		switch {
		case i.open():
			d.Findings = append(d.Findings, j.report(i))
		case i.State == Suspected:
			if i.Waiting != "" {
				d.Incidents[k].Next = adviser{j.onlyJVM()}.collect()
			}
			_, d.Incidents[k].IfLeak = j.expected(i)
		}
	}
	var seen outlook
	seen, d.Forecast = j.forecast(incidents)
	d.tell(seen)
	d.Budget = j.budget()
	d.Findings = append(d.Findings, j.states(d.Budget, len(d.Findings) > 0)...)
	if len(d.Findings) > 0 && (d.Verdict != rows.VerdictNotEnoughHistory || d.Findings[0].Verdict.Leak() || d.Findings[0].Verdict.Urgent()) {
		first := &d.Findings[0]
		d.Verdict, d.Subject = first.Verdict, first.Subject
		if first.Confidence > 0 { // else it is known of before jvmem started, and paused
			d.Confidence = &first.Confidence
		}
		if first.Verdict.Leak() {
			d.Since = new(incidents[0].Since)
		}
	}
	d.NotJudged = j.notJudged(incidents)
	d.Summary = j.summary(&d)
	return d
}

// Judged reports whether there was enough history to judge growth, and the JVM's memory
// could be read.
func (d *Diagnosis) Judged() bool {
	switch d.Verdict {
	case rows.VerdictNotEnoughHistory, rows.VerdictNotObservable:
		return false
	}
	return d.Since != nil || !d.Verdict.Urgent()
}

// report is the finding of an incident, with what became of it.
func (j *judge) report(i *Incident) Finding {
	f := i.last()
	f.Verdict, f.Subject, f.Evidence = i.Verdict, i.Subject, slices.Clone(f.Evidence)
	f.Row = rows.RowOf(f.Verdict, f.Subject)
	if f.Verdict == rows.VerdictUnexplained && len(j.c.Missing) > 0 {
		f.Evidence = append(f.Evidence, "unknown rows: "+strings.Join(j.c.Missing, ", "))
	}
	f.Evidence = append(f.Evidence, i.text())
	f.Next = j.warned(Next(f.Verdict, f.Subject, j.onlyJVM()))
	return f
}

// DiagnoseAll judges each container of a recorded history as of its last sample.
func DiagnoseAll(d *history.Document) *Report {
	r := &Report{Schema: Schema, Time: d.Time, Pod: d.Pod, Containers: []Diagnosis{}}
	for _, c := range d.Containers {
		r.Containers = append(r.Containers, Diagnose(c))
	}
	return r
}
