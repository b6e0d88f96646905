package sizing

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
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

func (c *Container) writeText(b *strings.Builder) {
	fmt.Fprintf(b, "container %s: %s\n", cmp.Or(c.Label(), "unknown"), c.Summary())
	fmt.Fprintf(b, "observed: %s\n", c.Observed.text())
	for _, what := range c.Missing {
		fmt.Fprintf(b, "missing: %s\n", what)
	}
	for _, leak := range c.Leaks {
		fmt.Fprintf(b, "fix first: %s\n", leak)
	}
	b.WriteString("\n")
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%-15s\t%11s\t%11s\t%s\n", "", "PEAK", "NEEDS", "")
	for _, r := range c.Rows {
		if r.PeakBytes != nil && *r.PeakBytes == 0 {
			continue
		}
		fmt.Fprintf(table, "%-15s\t%11s\t%11s\t%s\n", r.Name, breakdown.Size(r.PeakBytes), breakdown.Size(r.NeedBytes), r.Why)
	}
	_ = table.Flush() // a strings.Builder does not fail
	if c.Recommended != nil {
		b.WriteString("\nrecommended:\n")
		c.Recommended.writeText(b)
	}
	if p := c.Current; p != nil {
		fmt.Fprintf(b, "\ncurrent settings: %s\n", p.text())
	}
	if c.ForLimit != nil {
		fmt.Fprintf(b, "\nsettings for a limit of %s:\n", size(c.ForLimit.LimitBytes))
		c.ForLimit.writeText(b)
	}
	for i, w := range c.Wasted {
		if i == 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(b, "wasted: %s\n", w.Text)
	}
	for _, n := range c.Notes {
		fmt.Fprintf(b, "note: %s\n", n)
	}
}

// Summary is one line for the page and for people.
func (c *Container) Summary() string {
	current := "no limit"
	if c.LimitBytes != nil {
		current = "current limit " + size(*c.LimitBytes)
	}
	switch {
	case c.Recommended != nil:
		return fmt.Sprintf("recommended limit %s with %s (%s; confidence: %s)", size(c.Recommended.LimitBytes), c.Recommended.heap(), current, c.Confidence)
	case len(c.Leaks) > 0:
		return "no recommendation while memory leaks (" + current + ")"
	}
	return "no recommendation yet (" + current + ")"
}

func (s *Settings) heap() string {
	text := fmt.Sprintf("-Xmx%dm", s.MaxHeapBytes/mib)
	if n := len(s.JVMs); n > 1 {
		text = fmt.Sprintf("%s of heap for %d JVMs", size(s.MaxHeapBytes), n)
	}
	return text
}

func (s *Observed) text() string {
	text := diagnosis.Span(time.Duration(s.Seconds * float64(time.Second)))
	if s.MeanCores != nil && s.BusiestCores != nil {
		text += fmt.Sprintf(", %.2f cores on average and %.2f in the busiest minute", *s.MeanCores, *s.BusiestCores)
	}
	if s.CollectingShare != nil {
		text += fmt.Sprintf(", of which pauses for collections took %.1f %%", 100**s.CollectingShare)
	}
	if s.CollectingCPUShare != nil {
		text += fmt.Sprintf(", %.1f %% of the CPU time for collections", 100**s.CollectingCPUShare)
	}
	return text + fmt.Sprintf(", %d collections of the old generation", s.Collections)
}

func (p *Current) text() string {
	text := fmt.Sprintf("maximum heap %s plus everything else at its peak is %s, which requires a limit of %s", size(p.MaxHeapBytes), size(p.NeededBytes), size(p.NeedsLimitBytes))
	switch {
	case p.Fits == nil:
		return text
	case *p.Fits:
		return "fit: " + text + "; " + p.Breaks
	}
	return "do not fit: " + text + "; " + p.Breaks
}

func (s *Settings) writeText(b *strings.Builder) {
	fmt.Fprintf(b, "  limit    %s = %s of heap + %s of everything else at its peak + %s still to come + %s of headroom for peaks between samples\n",
		size(s.LimitBytes), size(s.MaxHeapBytes), size(s.NeededBytes-s.MaxHeapBytes-s.RisingBytes), size(s.RisingBytes), size(s.HeadroomBytes))
	if len(s.Options) > 0 {
		fmt.Fprintf(b, "  options  %s\n", strings.Join(s.Options, " "))
		fmt.Fprintf(b, "           instead of -Xmx: -XX:MaxRAMPercentage=%.1f\n", s.MaxRAMPercentage)
	}
	for i := range s.JVMs {
		fmt.Fprintf(b, "  pid %-4d %s\n", s.JVMs[i].PID, strings.Join(s.JVMs[i].Options, " "))
	}
	if s.CollectingShare != nil {
		fmt.Fprintf(b, "  expected %.1f %% of the time for collections\n", 100**s.CollectingShare)
	}
	if s.Note != "" {
		fmt.Fprintf(b, "  note     %s\n", s.Note)
	}
}
