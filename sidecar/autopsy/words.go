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

// handled is what HotSpot adds to a signal that it exits on in order, of those in
// endings (os/posix/signals_posix.cpp).
const handled = 128

var endings = []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM}

// summary is the sentence for a log line.
func (a *Autopsy) summary() string {
	var b strings.Builder
	switch a.Kind {
	case OOMKill:
		b.WriteString("the kernel killed the JVM for lack of memory")
	case OOMKillOther:
		b.WriteString("the kernel killed another process of the container for lack of memory")
	case JavaOutOfMemory:
		b.WriteString("the JVM ended itself on a Java OutOfMemoryError")
	case Signal:
		fmt.Fprintf(&b, "the JVM was ended by signal %d (%s)", *a.Exit.Signal, a.Exit.Signal)
	case Exit:
		fmt.Fprintf(&b, "the JVM exited with code %d", *a.Exit.Code)
		if signal := syscall.Signal(*a.Exit.Code - handled); slices.Contains(endings, signal) {
			fmt.Fprintf(&b, ": it was asked to end (%s)", signal)
		}
	case Ended:
		b.WriteString("the JVM ended; how is not known")
	}
	if a.LimitBytes != nil && a.Kind.OutOfMemory() && a.Kind != JavaOutOfMemory {
		b.WriteString(", at its limit of " + breakdown.Size(a.LimitBytes))
	}
	if a.Kind == OOMKillOther {
		b.WriteString("; the JVM lives")
	}
	if a.Cause != "" {
		b.WriteString(": " + diagnosis.Phrase(a.Cause))
		if a.Subject != "" {
			b.WriteString(" (" + a.Subject + ")")
		}
	}
	if a.Kind.OutOfMemory() {
		a.writeRows(&b)
	}
	return b.String()
}

// writeRows tells the rows that grew most before the end.
func (a *Autopsy) writeRows(b *strings.Builder) {
	told := 0
	for _, g := range a.Grew {
		const worthIt = 1 << 20
		if g.Detail != "" || g.Bytes < worthIt || told == 3 {
			continue
		}
		if told == 0 {
			fmt.Fprintf(b, "; in the last %.0f s", a.GrewSeconds)
		}
		fmt.Fprintf(b, "%s %s +%s", map[bool]string{true: "", false: ","}[told == 0], g.Row, breakdown.Size(&g.Bytes))
		told++
	}
	before := "; after the last breakdown"
	for _, g := range a.SinceLast {
		if g.Bytes >= 16<<20 {
			fmt.Fprintf(b, "%s %s +%s", before, sinceText(g.Row), breakdown.Size(&g.Bytes))
			before = ","
		}
	}
}

// sinceText says what the cgroup's own names mean: it knows no rows.
func sinceText(name string) string {
	if text, ok := map[string]string{"anon": "private memory", "shmem": "files in memory", "kernel": "kernel memory"}[name]; ok {
		return text
	}
	return name
}

// writeText writes the autopsy for a terminal.
func (a *Autopsy) writeText(b *strings.Builder) {
	name := cmp.Or(a.ContainerName, a.ContainerID[:min(len(a.ContainerID), 12)], "unknown")
	fmt.Fprintf(b, "%s  container %s  JVM pid %d  %s  %s\n%s\n", a.Time.Format(time.RFC3339), name, a.PID, a.Version, strings.ToUpper(string(a.Kind)), a.Summary)
	if a.LastAgeSeconds != nil {
		fmt.Fprintf(b, "  the last breakdown was %.1f s old", *a.LastAgeSeconds)
		if a.Level != nil {
			fmt.Fprintf(b, "; the cgroup was last read %.2f s before the end, at %s", a.Time.Sub(a.Level.Time).Seconds(), breakdown.Size(&a.Level.UsageBytes))
		}
		b.WriteString("\n")
	}
	for _, g := range a.Grew {
		if g.Detail == "" && g.Bytes >= 1<<20 {
			fmt.Fprintf(b, "  %-16s +%s in %.0f s\n", g.Row, breakdown.Size(&g.Bytes), a.GrewSeconds)
		}
	}
	if a.Diagnosis != nil {
		fmt.Fprintf(b, "  diagnosis before: %s\n", a.Diagnosis.Summary)
		if budget := a.Diagnosis.Budget; budget != nil && !budget.Fits {
			fmt.Fprintf(b, "  budget: the settings need %s, the limit is %s\n", breakdown.Size(&budget.NeededBytes), breakdown.Size(&budget.LimitBytes))
		}
	}
	for _, n := range a.Next {
		fmt.Fprintf(b, "  → %s\n", n)
	}
	if a.RestartedAt != nil {
		fmt.Fprintf(b, "  a JVM of the container ran again at %s\n", a.RestartedAt.Format(time.RFC3339))
	}
}
