package diagnosis

import (
	"fmt"
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/history"
)

const (
	// nearLimit is how much of the limit is in use when it looks dangerous, and
	// cacheShare how much of it must be reclaimable to say that it is not.
	nearLimit, cacheShare = 0.8, 0.1
)

// Diagnose judges what is remembered of a container, as of its last sample.
func Diagnose(c *history.Container) Diagnosis {
	j := newJudge(c)
	d := Diagnosis{Identity: c.Identity, Verdict: None, Findings: []Finding{}}
	if len(j.windows) == 0 {
		d.Verdict = NotEnoughHistory
	} else {
		d.Since = new(time.UnixMilli(j.windows[0].from).UTC())
		d.Findings = append(d.Findings, j.leaks()...)
		for i := range d.Findings {
			f := &d.Findings[i]
			if f.Verdict == Unexplained && len(c.Missing) > 0 {
				f.Evidence = append(f.Evidence, "not known: "+strings.Join(c.Missing, ", "))
			}
			f.Next = Next(f.Verdict, f.Subject)
		}
		d.Growth, d.Forecast = j.forecast(d.Findings)
	}
	d.Budget = j.budget()
	// With a leak all else takes what the leak has taken.
	if f, ok := j.overBudget(d.Budget); ok && len(d.Findings) == 0 {
		d.Findings = append(d.Findings, f)
	}
	if f, ok := j.pageCache(); ok {
		d.Findings = append(d.Findings, f)
	}
	if len(d.Findings) > 0 && d.Verdict != NotEnoughHistory {
		first := &d.Findings[0]
		d.Verdict, d.Subject, d.Confidence = first.Verdict, first.Subject, &first.Confidence
		if first.Verdict.Leak() {
			d.Since = new(time.UnixMilli(first.window.from).UTC())
		}
	}
	d.Summary = j.summary(&d)
	return d
}

// DiagnoseAll judges every container of a recorded history, as of its last sample.
func DiagnoseAll(d *history.Document) *Report {
	r := &Report{Schema: Schema, Time: d.Time, Pod: d.Pod, Containers: []Diagnosis{}}
	for _, c := range d.Containers {
		r.Containers = append(r.Containers, Diagnose(c))
	}
	return r
}

// pageCache: usage is near the limit, but much of it can be taken back.
func (j *judge) pageCache() (Finding, bool) {
	usage, ok := j.now(history.Usage)
	reclaimable, known := j.now(history.Reclaimable)
	limit, limited := j.now(history.Limit)
	if !ok || !known || !limited || usage < nearLimit*limit || reclaimable < cacheShare*limit {
		return Finding{}, false
	}
	return Finding{
		Verdict: PageCache, Confidence: 1,
		Evidence: []string{
			fmt.Sprintf("usage is %s of %s (%.1f %%), of which %s are page cache and slab that the kernel takes back before it kills",
				bytesText(usage), bytesText(limit), 100*usage/limit, bytesText(reclaimable)),
			fmt.Sprintf("what it cannot take back is %s (%.1f %%)", bytesText(usage-reclaimable), 100*(usage-reclaimable)/limit),
		},
		Next: []string{
			"nothing: alarm on usage - reclaimable (jvmem), or on the working set (container_memory_working_set_bytes, kubernetes.container.memory.workingset.bytes), not on usage",
			"if the application is slow meanwhile, look at what reads files: pages in constant use have to be read again",
		},
	}, true
}
