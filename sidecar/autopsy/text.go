package autopsy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
)

// handled is the number that HotSpot adds to a signal on which it shuts down, one of
// shutdowns (os/posix/signals_posix.cpp).
const handled = 128

var shutdowns = []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM}

// summary is the sentence for log lines and the page.
func (a *Autopsy) summary() string {
	var b strings.Builder
	limit := ""
	if a.LimitBytes != nil {
		limit = " at the memory limit of " + breakdown.Size(a.LimitBytes)
	}
	switch a.Kind {
	case OOMKill:
		b.WriteString("the JVM was OOM killed" + limit)
	case OOMKillOther:
		b.WriteString("another process in the container was OOM killed" + limit + "; the JVM is still running")
	case JavaOutOfMemory:
		b.WriteString("the JVM exited on a Java OutOfMemoryError")
	case Signal:
		b.WriteString("the JVM was terminated by " + signalText(*a.Exit.Signal))
	case Exit:
		fmt.Fprintf(&b, "the JVM exited with code %d", *a.Exit.Code)
		if s := syscall.Signal(*a.Exit.Code - handled); slices.Contains(shutdowns, s) {
			b.WriteString(" after " + signalText(s))
		}
	case Ended:
		b.WriteString("the JVM ended; its exit status is unknown")
	}
	if a.CouldBeOOMKill {
		b.WriteString("; this could be an OOM kill: the container's counters could not be read")
	}
	if a.Cause != "" {
		b.WriteString(": " + diagnosis.Phrase(a.Cause, a.Subject))
		if d := a.Diagnosis; d != nil && d.Verdict == a.Cause && d.DirectCause() != "" {
			b.WriteString(", " + d.DirectCause())
		}
	}
	if a.Kind.OutOfMemory() {
		a.writeGrowth(&b)
	}
	return b.String()
}

func signalText(s syscall.Signal) string { return fmt.Sprintf("signal %d (%s)", s, s) }

const (
	// worthLine is the least growth of a row that the text names, worthMention that
	// after the last breakdown: each reading differs by some MiB.
	worthLine, worthMention = 1 << 20, 16 << 20
	// mostRows is how many rows the summary names.
	mostRows = 3
)

// rowsGrown returns the rows that grew enough to be named, the fastest first.
func (a *Autopsy) rowsGrown() []Growth {
	return slices.DeleteFunc(slices.Clone(a.Grew), func(g Growth) bool { return g.Detail != "" || g.Bytes < worthLine })
}

// writeGrowth writes what grew most before the end.
func (a *Autopsy) writeGrowth(b *strings.Builder) {
	var grown, since []string
	for _, g := range a.rowsGrown() {
		grown = append(grown, g.Row+" +"+breakdown.Size(&g.Bytes))
	}
	for _, g := range a.SinceLast {
		if g.Bytes >= worthMention {
			since = append(since, sinceText(g.Row)+" +"+breakdown.Size(&g.Bytes))
		}
	}
	if len(grown) > 0 {
		fmt.Fprintf(b, "; in the last %.0f s: %s", a.GrewSeconds, strings.Join(grown[:min(len(grown), mostRows)], ", "))
	}
	if len(since) > 0 {
		b.WriteString("; since the last breakdown: " + strings.Join(since, ", "))
	}
}

// sinceText explains a name of SinceLast.
func sinceText(name string) string {
	switch name {
	case sinceAnon:
		return "private memory"
	case sinceShmem:
		return "tmpfs and shared memory"
	case sinceKernel:
		return "kernel memory"
	}
	return name
}

// gathered is what the JVM reported of the leak before it ended; nil: nothing.
func (a *Autopsy) gathered() *diagnosis.Gathered {
	if d := a.Diagnosis; d != nil && len(d.Findings) > 0 && d.Findings[0].Gathered != nil {
		return d.Findings[0].Gathered
	}
	if a.Incident != nil {
		return a.Incident.Gathered
	}
	return nil
}

// writeText writes the autopsy for a terminal.
func (a *Autopsy) writeText(b *strings.Builder) {
	name := cmp.Or(a.Identity().Label(), "unknown")
	fmt.Fprintf(b, "%s  container %s  JVM pid %d  %s  %s\n%s\n", a.Time.Format(time.RFC3339), name, a.PID, a.Version, strings.ToUpper(string(a.Kind)), a.Summary)
	for _, g := range a.rowsGrown() {
		fmt.Fprintf(b, "  %-16s +%s in %.0f s\n", g.Row, breakdown.Size(&g.Bytes), a.GrewSeconds)
	}
	if a.LastAgeSeconds != nil {
		fmt.Fprintf(b, "  last breakdown: %.1f s before the end\n", *a.LastAgeSeconds)
	}
	if a.Reading != nil {
		fmt.Fprintf(b, "  last reading of the cgroup: %.2f s before the end, usage %s\n", a.Time.Sub(a.Reading.Time).Seconds(), breakdown.Size(&a.Reading.UsageBytes))
	}
	if a.Diagnosis != nil {
		fmt.Fprintf(b, "  last diagnosis: %s\n", a.Diagnosis.Summary)
		if budget := a.Diagnosis.Budget; budget != nil && !budget.Fits {
			fmt.Fprintf(b, "  budget: the JVM's settings need %s, the limit is %s\n", breakdown.Size(&budget.NeededBytes), breakdown.Size(&budget.LimitBytes))
		}
	}
	if a.Incident != nil {
		fmt.Fprintf(b, "  open incident: %s\n", a.Incident.Text())
	}
	a.gathered().WriteText(b)
	for _, n := range a.Next {
		fmt.Fprintf(b, "  → %s\n", n)
	}
	if a.RestartedAt != nil {
		fmt.Fprintf(b, "  restarted: the next JVM of the container was seen at %s\n", a.RestartedAt.Format(time.RFC3339))
	}
}
