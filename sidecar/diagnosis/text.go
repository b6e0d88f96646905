package diagnosis

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/rows"
)

// WriteText writes the report for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for i := range r.Containers {
		if i > 0 {
			b.WriteString("\n")
		}
		r.Containers[i].writeText(&b)
	}
	if len(r.Containers) == 0 {
		b.WriteString("no JVM found\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteSummaries writes one line for each container.
func (r *Report) WriteSummaries(w io.Writer) error {
	var b strings.Builder
	for i := range r.Containers {
		d := &r.Containers[i]
		b.WriteString("Diagnosis")
		if len(r.Containers) > 1 {
			b.WriteString(" of " + d.title())
		}
		b.WriteString(": " + d.Summary + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Span returns a duration in words, in at most two units.
func Span(d time.Duration) string { return spanText(d) }

// Blind reports whether the memory of a JVM cannot be read.
func (r *Report) Blind() bool {
	return slices.ContainsFunc(r.Containers, func(d Diagnosis) bool { return d.Verdict == rows.VerdictNotObservable })
}

func (d *Diagnosis) title() string { return cmp.Or(d.Label(), "unknown") }

// writeText has the order of the page.
func (d *Diagnosis) writeText(b *strings.Builder) {
	fmt.Fprintf(b, "container %s: %s\n%s\n", d.title(), strings.ToUpper(string(d.Verdict)), d.Summary)
	for i := range d.Incidents {
		fmt.Fprintf(b, "incident: %s\n   %s\n", d.Incidents[i].Text(), d.Incidents[i].course())
		d.Incidents[i].Gathered.WriteText(b)
		for _, n := range d.Incidents[i].Next {
			fmt.Fprintf(b, "   → %s\n", n)
		}
	}
	if len(d.NotJudged) > 0 && !strings.HasPrefix(d.Summary, notJudgedText) {
		fmt.Fprintf(b, "%s%s\n", notJudgedText, strings.Join(d.NotJudged, ", "))
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		fmt.Fprintf(b, "\n%d. %s", i+1, phrases[f.Verdict])
		if f.Subject != "" {
			fmt.Fprintf(b, " (%s)", f.Subject)
		}
		if f.Rate != nil {
			fmt.Fprintf(b, "   confidence %.2f", f.Confidence)
		}
		b.WriteString("\n")
		for _, e := range f.Evidence {
			fmt.Fprintf(b, "   - %s\n", e)
		}
		f.Gathered.WriteText(b)
		for _, n := range f.Next {
			fmt.Fprintf(b, "   → %s\n", n)
		}
	}
}

// WriteText writes the evidence with the time of the query: it can be much older than
// the verdict. nil writes nothing.
func (g *Gathered) WriteText(b *strings.Builder) {
	if g == nil || len(g.Text) == 0 && g.Failed == "" {
		return
	}
	fmt.Fprintf(b, "   | collected from the JVM at %s:\n", g.Time.UTC().Format(time.RFC3339))
	for _, e := range g.Text {
		fmt.Fprintf(b, "   | %s\n", e)
	}
	if g.Failed != "" {
		fmt.Fprintf(b, "   ! %s\n", g.Failed)
	}
}
