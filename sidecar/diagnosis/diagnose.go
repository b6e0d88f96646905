package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// From nearLimit of the limit on, usage looks dangerous. It is not if at least
	// cacheShare of the limit is reclaimable.
	nearLimit, cacheShare = 0.8, 0.1
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
		if i := &incidents[k]; i.open() {
			d.Findings = append(d.Findings, j.report(i))
		}
	}
	d.Growth, d.Forecast = j.forecast(incidents)
	d.Budget = j.budget()
	if f, ok := j.heapFull(); ok {
		d.Findings = append(d.Findings, f)
	}
	// A leak is part of everything else: it explains why the settings do not fit.
	if f, ok := j.overBudget(d.Budget); ok && (len(d.Findings) == 0 || !d.Findings[0].Verdict.Leak()) {
		d.Findings = append(d.Findings, f)
	}
	if f, ok := j.retained(); ok {
		d.Findings = append(d.Findings, f)
	}
	if f, ok := j.pageCache(); ok {
		d.Findings = append(d.Findings, f)
	}
	if len(d.Findings) > 0 && (d.Verdict != rows.VerdictNotEnoughHistory || d.Findings[0].Verdict.Leak()) {
		first := &d.Findings[0]
		d.Verdict, d.Subject = first.Verdict, first.Subject
		if first.Confidence > 0 { // else it is known of before jvmem started, and paused
			d.Confidence = &first.Confidence
		}
		if first.Verdict.Leak() {
			d.Since = new(incidents[0].Since)
		}
	}
	d.NotJudged = j.notJudged()
	d.Summary = j.summary(&d)
	return d
}

// report is the finding of an incident, with what became of it.
func (j *judge) report(i *Incident) Finding {
	f := i.last()
	f.Verdict, f.Subject, f.Evidence = i.Verdict, i.Subject, slices.Clone(f.Evidence)
	if f.Verdict == rows.VerdictUnexplained && len(j.c.Missing) > 0 {
		f.Evidence = append(f.Evidence, "unknown rows: "+strings.Join(j.c.Missing, ", "))
	}
	f.Evidence = append(f.Evidence, i.text())
	f.Next = Next(f.Verdict, f.Subject, j.onlyJVM())
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

// pageCache: usage is near the limit, but much of it is reclaimable.
func (j *judge) pageCache() (Finding, bool) {
	usage, ok := j.now(history.Usage)
	reclaimable, known := j.now(history.Reclaimable)
	limit, limited := j.now(history.Limit)
	if !ok || !known || !limited || usage < nearLimit*limit || reclaimable < cacheShare*limit {
		return Finding{}, false
	}
	return Finding{
		Verdict: rows.VerdictPageCache, Confidence: 1,
		Evidence: []string{
			fmt.Sprintf("usage is %s of %s (%.1f %%), of which %s are reclaimable page cache and slab",
				bytesText(usage), bytesText(limit), 100*usage/limit, bytesText(reclaimable)),
			fmt.Sprintf("unreclaimable memory is %s (%.1f %%)", bytesText(usage-reclaimable), 100*(usage-reclaimable)/limit),
		},
		Next: []string{
			"nothing to fix: alert on usage - reclaimable (jvmem) or on the working set " +
				"(container_memory_working_set_bytes, kubernetes.container.memory.workingset.bytes), not on usage",
			"if the application is slow, look at what reads files: pages in constant use are evicted and read again",
		},
	}, true
}
