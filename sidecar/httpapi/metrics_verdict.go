package httpapi

import (
	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
)

// leakRows are all causes of growth that does not stop, and the row that it is in.
var leakRows = map[diagnosis.Verdict]breakdown.RowName{
	diagnosis.Threads:            breakdown.ThreadStacks,
	diagnosis.ClassLoader:        breakdown.Metaspace,
	diagnosis.Heap:               breakdown.Heap,
	diagnosis.DirectBuffers:      breakdown.Native,
	diagnosis.NativeUntracked:    breakdown.Native,
	diagnosis.AllocatorRetention: breakdown.Native,
	diagnosis.JVMInternal:        breakdown.Native,
	diagnosis.CodeCache:          breakdown.CodeCache,
	diagnosis.GC:                 breakdown.GC,
	diagnosis.MappedFiles:        breakdown.MappedFiles,
	diagnosis.Shmem:              breakdown.Shmem,
	diagnosis.Kernel:             breakdown.Kernel,
	diagnosis.OtherProcess:       breakdown.OtherProcesses,
	diagnosis.Unexplained:        history.Unattributed,
}

// totalRow is the growth of all that cannot be reclaimed, beside that of the rows.
const totalRow = "total"

func leakRow(f *diagnosis.Finding) string {
	if f.Verdict == diagnosis.MappedFiles && f.Subject == string(breakdown.Libraries) {
		return f.Subject
	}
	return string(leakRows[f.Verdict])
}

// verdicts puts what was concluded of the containers of a report. The conclusions
// may be some samples older: they are for those that are in both.
func (e *exposition) verdicts(labels []string, r *breakdown.Report, verdicts *diagnosis.Report) {
	for i := range r.Containers {
		if d := diagnosisOf(&r.Containers[i], verdicts); d != nil {
			e.verdict(labels[i], d, r.Time.Sub(verdicts.Time).Seconds())
		}
	}
}

// diagnosisOf returns the one diagnosis of a container; nil if there is none, or if
// it can't be told which one it is.
func diagnosisOf(c *breakdown.Container, verdicts *diagnosis.Report) *diagnosis.Diagnosis {
	var found *diagnosis.Diagnosis
	for i := range verdicts.Containers {
		if d := &verdicts.Containers[i]; d.ID == c.ID {
			if found != nil {
				return nil
			}
			found = d
		}
	}
	return found
}

func (e *exposition) verdict(label string, d *diagnosis.Diagnosis, age float64) {
	if d.Budget != nil {
		e.put(budgetFits, truth(d.Budget.Fits), label)
	}
	if d.Verdict == diagnosis.NotEnoughHistory {
		return
	}
	suspected := make(map[diagnosis.Verdict]bool)
	for cause := range leakRows {
		suspected[cause] = false // an alert ends when it is 0, not when it was not told
	}
	rates := map[string]int64{totalRow: 0}
	if d.Growth != nil {
		rates[totalRow] = d.Growth.BytesPerHour
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		if !f.Verdict.Leak() {
			continue
		}
		suspected[f.Verdict] = true
		if f.Rate != nil {
			rates[leakRow(f)] += f.Rate.BytesPerHour
		}
	}
	for cause, yes := range suspected {
		e.put(leakSuspected, truth(yes), label, string(cause))
	}
	for row, rate := range rates {
		e.put(growth, float64(rate), label, row)
	}
	if d.Forecast != nil {
		e.put(secondsToLimit, max(0, d.Forecast.Seconds-age), label)
	}
}

// kills puts the kills of all containers that had some, and a 0 for each cause that
// can still come: what is never scraped as 0 does not increase to 1.
func (e *exposition) kills(labels []string, kills []autopsy.Kills) {
	type series struct {
		label string
		cause diagnosis.Verdict
	}
	counts := make(map[series]int64)
	for _, label := range labels {
		counts[series{label, diagnosis.Budget}] = 0
		for cause := range leakRows {
			counts[series{label, cause}] = 0
		}
	}
	for _, k := range kills {
		counts[series{containerLabel(k.ContainerName, k.ContainerID, k.Cgroup), k.Cause}] += k.Count
	}
	for s, n := range counts {
		e.put(oomKills, float64(n), s.label, string(s.cause))
	}
}
