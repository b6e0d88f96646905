package autopsy

import (
	"fmt"
	"strings"
	"syscall"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
)

// summary is the sentence for a log line.
func (a *Autopsy) summary() string {
	var b strings.Builder
	switch a.Kind {
	case OOMKill:
		b.WriteString("the kernel killed the JVM for lack of memory")
	case OOMKillOther:
		b.WriteString("the kernel killed another process of the container for lack of memory; the JVM lives")
	case JavaOutOfMemory:
		b.WriteString("the JVM ended itself on a Java OutOfMemoryError")
	case Signal:
		fmt.Fprintf(&b, "the JVM was ended by signal %d (%s)", *a.Signal, syscall.Signal(*a.Signal))
	case Exit:
		fmt.Fprintf(&b, "the JVM exited with code %d", *a.ExitCode)
	case Ended:
		b.WriteString("the JVM ended; how is not known")
	}
	if a.LimitBytes != nil && a.Kind.OutOfMemory() && a.Kind != JavaOutOfMemory {
		b.WriteString(", at its limit of " + breakdown.Size(a.LimitBytes))
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
	for _, g := range a.SinceLast {
		if g.Bytes >= 16<<20 {
			fmt.Fprintf(b, "; after the last breakdown %s +%s", g.Row, breakdown.Size(&g.Bytes))
		}
	}
}
