package autopsy

import (
	"math"
	"slices"

	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// burst is the share of the limit that, if a row gains it within a minute, makes the
	// row the cause, whatever grew slowly before.
	burst = 0.2
	// burstMillis is that minute.
	burstMillis = 60_000
)

// findCause names what used the memory: the row that gained much of the limit in the last
// minute, else the verdict, else the row that grew most.
func (a *Autopsy) findCause() {
	if a.Kind == JavaOutOfMemory {
		a.Cause = rows.VerdictHeap
		a.Next = []string{"raise -Xmx together with the memory limit, or find what fills the heap: -XX:+HeapDumpOnOutOfMemoryError -XX:HeapDumpPath=… writes a heap dump"}
		if a.Diagnosis != nil && a.Diagnosis.Verdict.Leak() {
			a.takeVerdict()
		}
		return
	}
	cause, bytes := a.mostGrown(burstStart(a.Before))
	limit := math.Inf(1)
	if a.LimitBytes != nil {
		limit = float64(*a.LimitBytes)
	}
	switch {
	case cause.Verdict != "" && float64(bytes) >= burst*limit:
	case a.Diagnosis != nil && (a.Diagnosis.Verdict.Leak() || a.Diagnosis.Verdict == rows.VerdictBudget):
		a.takeVerdict()
		return
	default:
		if cause, _ = a.mostGrown(0); cause.Verdict == "" {
			cause.Verdict = rows.VerdictUnexplained
		}
	}
	a.Cause, a.Subject = cause.Verdict, cause.Subject
	if a.Diagnosis != nil {
		if a.Diagnosis.Verdict == a.Cause {
			a.takeVerdict()
			return
		}
		// A heap within its maximum is a cause only where that maximum does not fit.
		if b := a.Diagnosis.Budget; a.Cause == rows.VerdictHeap && b != nil && !b.Fits {
			a.Cause = rows.VerdictBudget
		}
	}
	a.advise()
}

// advise says what to do about the cause, with the next JVM.
func (a *Autopsy) advise() {
	a.Next = diagnosis.WithoutPID(diagnosis.Next(a.Cause, a.Subject, a.jvm()), a.jvm())
}

// takeVerdict makes the verdict before the end the cause.
func (a *Autopsy) takeVerdict() {
	a.Cause, a.Subject = a.Diagnosis.Verdict, a.Diagnosis.Subject
	if a.Cause.Leak() {
		a.advise()
	} else if len(a.Diagnosis.Findings) > 0 {
		a.Next = diagnosis.WithoutPID(a.Diagnosis.Findings[0].Next, a.jvm())
	}
}

// burstStart is the index of the first step of the last minute.
func burstStart(t *history.Track) int {
	if t == nil || len(t.Times) == 0 {
		return 0
	}
	end := t.Times[len(t.Times)-1]
	i, _ := slices.BinarySearch(t.Times, end-burstMillis)
	return min(i, len(t.Times)-1)
}

// mostGrown returns the cause that belongs to the row that grew most, from a step on or
// after the last breakdown.
func (a *Autopsy) mostGrown(from int) (cause rows.Cause, bytes int64) {
	var all []Growth // the largest first
	if a.Before != nil && len(a.Before.Times) > 0 {
		all = growthBetween(a.Before, from, len(a.Before.Times)-1)
	}
	var row Growth
	if i := slices.IndexFunc(all, func(g Growth) bool { return g.Detail == "" }); i >= 0 {
		row = all[i]
	}
	if row.Detail = mostOf(row, all); row.Detail == "" && row.Row != "" {
		row.Detail = a.lastNamed(row.Row, from)
	}
	for _, g := range a.SinceLast {
		switch {
		case g.Bytes <= row.Bytes:
		case g.Row == sinceAnon && a.heapGrew() > g.Bytes/2:
			row = Growth{Row: string(rows.Heap), Bytes: g.Bytes}
		case g.Row == sinceAnon: // of an unknown row: the earlier growth is assumed to continue
			row.Bytes = g.Bytes
		default:
			row = Growth{Row: g.Row, Bytes: g.Bytes}
		}
	}
	if row.Row == "" {
		return rows.Cause{}, row.Bytes
	}
	cause = rows.CauseOf(rows.Name(row.Row), row.Detail)
	switch cause.Verdict {
	case rows.VerdictThreads:
		cause.Subject = a.fastest(history.PrefixPool, from)
	case rows.VerdictOtherProcess:
		cause.Subject = a.fastest(history.PrefixProcess, from)
	}
	return cause, row.Bytes
}

// mostOf returns the detail with most of a row's growth; "": more of it is in none that is known.
// all has the largest first.
func mostOf(row Growth, all []Growth) string {
	var most Growth
	rest := row.Bytes
	for _, g := range all {
		if g.Row == row.Row && g.Detail != "" {
			if rest -= g.Bytes; most.Detail == "" {
				most = g
			}
		}
	}
	if most.Bytes < rest {
		return ""
	}
	return most.Detail
}

// lastNamed returns the detail with most of a row's growth when its details were known last. If it
// is unknown at the end, as the JVM did not answer any more, it is assumed to have grown on.
func (a *Autopsy) lastNamed(row string, from int) string {
	end := len(a.Before.Times) - 1
	for to := end - 1; to > from; to-- {
		all := growthBetween(a.Before, from, to)
		i := slices.IndexFunc(all, func(g Growth) bool { return g.Row == row && g.Detail == "" })
		if i < 0 {
			continue
		}
		if detail := mostOf(all[i], all); detail != "" {
			if a.Before.Series[history.Detail(rows.Name(row), detail)].At(a.Before.Sampled(end)).Last != history.Unknown {
				return ""
			}
			return detail
		}
	}
	return ""
}

// heapGrew is the growth of the committed heap after the last breakdown.
func (a *Autopsy) heapGrew() int64 {
	row := a.Last.Row(rows.Heap)
	if a.FinalCounters == nil || a.FinalCounters.HeapCommittedBytes == nil || row == nil || row.CommittedBytes == nil {
		return 0
	}
	return *a.FinalCounters.HeapCommittedBytes - *row.CommittedBytes
}
