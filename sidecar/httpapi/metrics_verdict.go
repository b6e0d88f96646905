package httpapi

import (
	"slices"

	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// totalRow labels the growth of unreclaimable memory, beside that of the rows.
const totalRow = "total"

// verdicts exposes the diagnoses of the containers of a report. They may be some samples
// older than the report: containers that are in both are exposed.
func (e *exposition) verdicts(labels []string, r *breakdown.Report, verdicts *diagnosis.Report) {
	for i := range r.Containers {
		if d := diagnosisOf(r.Containers[i].Identity, verdicts); d != nil {
			e.verdict(labels[i], d, r.Time.Sub(verdicts.Time).Seconds())
		}
	}
}

// diagnosisOf returns the diagnosis of a container; nil if there is none, or if several
// containers with this identity have one.
func diagnosisOf(c rows.Identity, verdicts *diagnosis.Report) *diagnosis.Diagnosis {
	if verdicts == nil {
		return nil
	}
	var found *diagnosis.Diagnosis
	for i := range verdicts.Containers {
		if d := &verdicts.Containers[i]; d.Same(c) {
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
	for _, state := range rows.States() {
		found := slices.ContainsFunc(d.Findings, func(f diagnosis.Finding) bool { return f.Verdict == state })
		if found || d.Judged() {
			e.put(stateFound, truth(found), label, string(state))
		}
	}
	e.incidents(label, d.Incidents)
	e.nativeGrowth(label, d)
	if !d.Judged() {
		return
	}
	suspected := make(map[rows.Verdict]bool)
	for _, cause := range rows.Leaks() {
		suspected[cause] = false // an alert ends when it is 0, not when it is absent
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
			rates[string(rows.RowOf(f.Verdict, f.Subject))] += f.Rate.BytesPerHour
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

// incidents exposes the state of those that are not closed, one for each cause.
func (e *exposition) incidents(label string, all []diagnosis.Incident) {
	states := make(map[rows.Verdict]diagnosis.State)
	for i := range all {
		if all[i].State != diagnosis.Closed {
			states[all[i].Verdict] = all[i].State
		}
	}
	for cause, state := range states {
		for _, s := range []diagnosis.State{diagnosis.Suspected, diagnosis.Confirmed, diagnosis.Paused} {
			e.put(incidentState, truth(s == state), label, string(cause), string(s))
		}
	}
}

// kills exposes the kills of each container, and a 0 for each cause that did not kill
// yet: a counter that first appears as 1 has not increased.
func (e *exposition) kills(labels []string, kills []autopsy.Kills) {
	type series struct {
		label string
		cause rows.Verdict
	}
	counts := make(map[series]int64)
	for _, label := range labels {
		counts[series{label, rows.VerdictBudget}] = 0
		for _, cause := range rows.Leaks() {
			counts[series{label, cause}] = 0
		}
	}
	for _, k := range kills {
		label := rows.Identity{Name: k.ContainerName, ID: k.ContainerID, Cgroup: k.Cgroup}.Label()
		counts[series{label, k.Cause}] += k.Count
	}
	for s, n := range counts {
		e.put(oomKills, float64(n), s.label, string(s.cause))
	}
}
