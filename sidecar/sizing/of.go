package sizing

import (
	"fmt"
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// A day shows the daily peak, an hour that the JVM is warm.
	day, hour = 20 * time.Hour, time.Hour
	// idleCores: a JVM that uses no more than that in its busiest minute had no load.
	idleCores = 0.02
	// stackKernel is what the kernel keeps of a thread.
	stackKernel = 22 << 10
)

// Of sizes a container, by its history and the diagnosis of it. It keeps nothing of the
// history.
func Of(c *history.Container, d *diagnosis.Diagnosis) Container {
	life := diagnosis.LifeOf(c)
	out := Container{Identity: c.Identity, Rows: []Row{}}
	if limit := c.Latest(history.Limit); limit != nil && *limit > 0 {
		out.LimitBytes = limit
	}
	out.see(life)
	leaks := out.leaking(d)
	all := jvmsOf(c, life)
	for i := range all {
		out.Observed.Collections += all[i].collections
	}
	rising := out.addRows(life, all, leaks)
	needs := life.Needs()
	if needs != nil {
		out.current(life, needs)
	}
	out.judge(d, all, needs)
	if len(out.Missing) == 0 && len(out.Leaks) == 0 {
		out.plan = newPlan(life, needs, all, rising)
		out.Recommended = out.plan.recommend()
		if out.LimitBytes != nil {
			out.ForLimit = out.plan.fit(*out.LimitBytes)
		}
		out.note(life, all)
		out.waste()
	}
	out.rate(d, all)
	return out
}

// see notes what the sizes are based on, but the collections.
func (c *Container) see(life *diagnosis.Life) {
	c.Observed.Seconds = life.Time().Seconds()
	if mean, busiest, ok := life.Load(); ok {
		c.Observed.MeanCores, c.Observed.BusiestCores = &mean, &busiest
		if share, ok := life.Collecting(mean, busiest); ok {
			c.Observed.CollectingShare = &share
		}
	}
	if share, ok := life.CollectingCPU(); ok {
		c.Observed.CollectingCPUShare = &share
	}
}

// leaking notes the leaks, and returns them by row.
func (c *Container) leaking(d *diagnosis.Diagnosis) map[rows.Name]string {
	leaks := make(map[rows.Name]string)
	for k := range d.Incidents {
		i := &d.Incidents[k]
		if i.State == diagnosis.Confirmed || i.State == diagnosis.Paused {
			leaks[i.Row] = diagnosis.Phrase(i.Verdict, i.Subject)
			c.Leaks = append(c.Leaks, leaks[i.Row])
		}
	}
	return leaks
}

// addRows returns what is still to come of rows that rise.
func (c *Container) addRows(life *diagnosis.Life, all []jvm, leaks map[rows.Name]string) map[rows.Name]int64 {
	rising := make(map[rows.Name]int64)
	for _, row := range rows.All() {
		if !row.Sized {
			continue
		}
		peak := life.Peak(history.Row(row.Name))
		r := Row{Name: row.Name, PeakBytes: peak}
		switch leak := leaks[row.Name]; {
		case leak != "":
			r.Why = leak + ": no size until this is fixed"
		case peak == nil:
			r.Why = "unknown"
		case row.Name == rows.Heap:
			r.NeedBytes, r.Why = heapNeed(all)
		default:
			r.NeedBytes, r.Why = new(*peak), "peak"
			if more := life.Rising(history.Row(row.Name)); more > 0 {
				rising[row.Name] = more
				*r.NeedBytes += more
				r.Why = fmt.Sprintf("still rising: %s added", size(more))
			}
			if text := perThread(life, row.Name, *peak); text != "" {
				r.Why += "; " + text
			}
		}
		c.Rows = append(c.Rows, r)
	}
	return rising
}

func perThread(life *diagnosis.Life, name rows.Name, bytes int64) string {
	threads := life.Peak(history.Threads)
	if name != rows.Threads || threads == nil || *threads == 0 {
		return ""
	}
	return fmt.Sprintf("%d threads, %s of stack each are resident", *threads, size(bytes / *threads))
}

// judge notes what is missing for sizes.
func (c *Container) judge(d *diagnosis.Diagnosis, all []jvm, needs *diagnosis.Needs) {
	miss := func(when bool, what string) {
		if when {
			c.Missing = append(c.Missing, what)
		}
	}
	miss(d.Verdict == rows.VerdictNotObservable, "the JVM's memory cannot be read")
	miss(d.Verdict == rows.VerdictNotEnoughHistory, fmt.Sprintf("history: %s since the JVM started is not enough", diagnosis.Span(time.Duration(c.Observed.Seconds*float64(time.Second)))))
	miss(needs == nil, "the size of the heap, or the unreclaimable memory")
	miss(len(all) == 0, "a JVM: none runs in this container")
	for i := range all {
		miss(all[i].heap == nil && needs != nil, fmt.Sprintf("a garbage collection%s: what survives is unknown", all[i].label(" of ")))
	}
}

// rate sets the confidence, and notes what would improve it.
func (c *Container) rate(d *diagnosis.Diagnosis, all []jvm) {
	c.Confidence = High
	lower := func(to Confidence, what string) {
		if c.Confidence != Low {
			c.Confidence = to
		}
		c.Missing = append(c.Missing, what)
	}
	if c.Recommended == nil {
		c.Confidence = Low
		return
	}
	switch seen := time.Duration(c.Observed.Seconds * float64(time.Second)); {
	case seen < hour:
		lower(Low, fmt.Sprintf("an hour of history (so far: %s)", diagnosis.Span(seen)))
	case seen < day:
		lower(Medium, fmt.Sprintf("a day of history, with its busiest hour (so far: %s)", diagnosis.Span(seen)))
	}
	switch {
	case c.Observed.BusiestCores == nil:
		lower(Low, "CPU time of the JVM: without it, the load is unknown")
	case *c.Observed.BusiestCores < idleCores:
		lower(Low, fmt.Sprintf("load: in its busiest minute the JVM used %.3f cores", *c.Observed.BusiestCores))
	}
	for i := range all {
		if all[i].collections == 0 {
			lower(Low, fmt.Sprintf("a collection of the old generation%s: less may survive", all[i].label(" of ")))
		}
	}
	for k := range d.Incidents {
		if i := &d.Incidents[k]; i.State == diagnosis.Suspected {
			lower(Low, "a decision whether it leaks: suspected: "+diagnosis.Phrase(i.Verdict, i.Subject))
		}
	}
	var unknown []string
	for _, r := range c.Rows {
		if r.PeakBytes == nil {
			unknown = append(unknown, string(r.Name))
		}
	}
	if unknown != nil {
		lower(Medium, "rows that are unknown, and counted with the others: "+strings.Join(unknown, ", "))
	}
}
