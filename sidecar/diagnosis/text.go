package diagnosis

import (
	"cmp"
	"fmt"
	"io"
	"strings"
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
		b.WriteString("no JVM was seen yet\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteSummaries writes a line for each container.
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

func (d *Diagnosis) title() string { return cmp.Or(d.Name, d.ID[:min(len(d.ID), 12)], "unknown") }

func (d *Diagnosis) writeText(b *strings.Builder) {
	fmt.Fprintf(b, "container %s: %s\n%s\n", d.title(), strings.ToUpper(string(d.Verdict)), d.Summary)
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
		if f.Gathered != nil {
			for _, e := range f.Gathered.Text {
				fmt.Fprintf(b, "   | %s\n", e)
			}
			if f.Gathered.Failed != "" {
				fmt.Fprintf(b, "   ! %s\n", f.Gathered.Failed)
			}
		}
		for _, n := range f.Next {
			fmt.Fprintf(b, "   → %s\n", n)
		}
	}
}
