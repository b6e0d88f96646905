package breakdown

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jvmem/jvmem/jvm"
)

// barWidth is the length of a bar that stands for the whole limit.
const barWidth = 24

// WriteText writes the report as a table for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for i := range r.Containers {
		if i > 0 {
			b.WriteString("\n")
		}
		r.Containers[i].writeText(&b, r.Time)
	}
	writeSources(&b, r.Sources)
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *Container) writeText(b *strings.Builder, at time.Time) {
	fmt.Fprintf(b, "%s   limit %s   cgroup v%d\n", c.title(), c.limit(), c.CgroupVersion)
	for i := range c.JVMs {
		c.JVMs[i].writeText(b)
	}
	b.WriteString("\n")
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%-17s\t%11s\t%8s\t%-*s\t%11s\t%11s\n", "", "RESIDENT", c.shareHead(), barWidth, "", "COMMITTED", "USED")
	for i := range c.Memory {
		row := &c.Memory[i]
		c.line(table, string(row.Name), row.Bytes, row.CommittedBytes, row.UsedBytes, true)
		c.details(table, row.Detail, "  ")
	}
	c.line(table, "unattributed", c.UnattributedBytes, nil, nil, true)
	fmt.Fprintf(table, "= usage\t%11s\t%8s\t%-*s\t\t\n", Size(c.UsageBytes), c.share(c.UsageBytes), barWidth, c.bar(c.UsageBytes))
	_ = table.Flush() // a strings.Builder does not fail
	if c.Now != nil {
		fmt.Fprintf(b, "These rows are %s old, as --max-cpu bounds what jvmem takes: usage is %s now.\n", c.Now.Time.Sub(at).Round(time.Second), Size(c.Now.UsageBytes))
	}
	b.WriteString("\n")
	c.writeNumbers(b)
	writeSources(b, c.Sources)
}

// line writes one row.
func (c *Container) line(w io.Writer, name string, bytes, committed, used *int64, bar bool) {
	picture := ""
	if bar {
		picture = c.bar(bytes)
	}
	fmt.Fprintf(w, "%s\t%11s\t%8s\t%-*s\t%11s\t%11s\n", name, Size(bytes), c.share(bytes), barWidth, picture, blank(committed), blank(used))
}

// details writes the parts of a row that are worth a line: unknown ones, and the
// largest from 64 KiB on.
func (c *Container) details(w io.Writer, details []Detail, indent string) {
	const most = 5
	shown := 0
	for _, d := range details {
		if d.Bytes == nil && indent == "  " {
			c.line(w, indent+d.Name, nil, nil, nil, false)
			continue
		}
		if d.Bytes == nil || *d.Bytes < 64<<10 || shown == most {
			continue
		}
		shown++
		c.line(w, indent+d.Name, d.Bytes, nil, nil, false)
		c.details(w, d.Detail, indent+"  ")
	}
}

func (c *Container) title() string {
	id := c.ID[:min(len(c.ID), 12)]
	switch {
	case c.Name != "" && id != "":
		return "container " + c.Name + " (" + id + ")"
	case c.Name != "" || id != "":
		return "container " + c.Name + id
	case c.Cgroup != "":
		return "cgroup " + jvm.Printable(c.Cgroup, 300)
	}
	return "cgroup unknown"
}

func (c *Container) limit() string {
	switch {
	case c.LimitBytes != nil:
		return Size(c.LimitBytes)
	case c.Limited != nil:
		return "none"
	}
	return "unknown"
}

// whole is what shares are of: the limit, else usage.
func (c *Container) whole() *int64 {
	if c.LimitBytes != nil {
		return c.LimitBytes
	}
	return c.UsageBytes
}

func (c *Container) shareHead() string {
	if c.LimitBytes != nil {
		return "OF LIMIT"
	}
	return "OF USAGE"
}

func (c *Container) share(bytes *int64) string {
	whole := c.whole()
	if bytes == nil || whole == nil || *whole <= 0 {
		return ""
	}
	return fmt.Sprintf("%.1f %%", 100*float64(*bytes)/float64(*whole))
}

// bar draws the share in eighths of a character.
func (c *Container) bar(bytes *int64) string {
	whole := c.whole()
	if bytes == nil || whole == nil || *whole <= 0 || *bytes <= 0 {
		return ""
	}
	eighths := min(int(float64(*bytes)/float64(*whole)*barWidth*8+0.5), barWidth*8)
	bar := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		bar += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return bar
}

// writeNumbers explains the numbers that dashboards show, and which one counts.
func (c *Container) writeNumbers(b *strings.Builder) {
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	number := func(name string, bytes *int64, meaning string) {
		fmt.Fprintf(table, "%s\t%11s\t%8s\t%s\n", name, Size(bytes), c.share(bytes), meaning)
	}
	number("usage", c.UsageBytes, "all that is charged, page cache too")
	number("working set", c.WorkingSetBytes, "usage - inactive_file: kubectl top, and what kubelet evicts by")
	number("rss", c.RSSBytes, "private memory (anon) of all processes, as cAdvisor's rss")
	number("reclaimable", c.ReclaimableBytes, "page cache and slab that the kernel may take back")
	if c.HeadroomBytes != nil {
		number("headroom", c.HeadroomBytes, "limit - working set")
	}
	_ = table.Flush() // a strings.Builder does not fail
	b.WriteString("\n" + c.verdict() + "\n")
}

// verdict is one sentence: which number matters, and what is reclaimable.
func (c *Container) verdict() string {
	switch {
	case c.UsageBytes == nil || c.WorkingSetBytes == nil || c.ReclaimableBytes == nil:
		return "What the kernel charges is not known here: see the sources below."
	case c.LimitBytes == nil:
		return fmt.Sprintf("No limit is set: rss (%s) and the working set (%s) matter to the node, %s could be reclaimed.",
			Size(c.RSSBytes), Size(c.WorkingSetBytes), Size(c.ReclaimableBytes))
	}
	firm := max(0, *c.UsageBytes-*c.ReclaimableBytes)
	text := fmt.Sprintf("What matters is what cannot be reclaimed: %s of %s (%s).", Size(&firm), Size(c.LimitBytes), c.share(&firm))
	if *c.ReclaimableBytes > firm/20 {
		text += fmt.Sprintf(" The other %s are page cache and slab: the kernel takes them back (dirty pages are written first) before it kills.", Size(c.ReclaimableBytes))
	}
	if c.OOMKills != nil && *c.OOMKills > 0 {
		text += fmt.Sprintf(" The kernel has OOM-killed here %d times.", *c.OOMKills)
	}
	return text
}

func (j *JVM) writeText(b *strings.Builder) {
	parts := []string{fmt.Sprintf("JVM pid %d", j.PID)}
	for _, part := range []string{j.Version, j.GC} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if j.UptimeSeconds != nil {
		parts = append(parts, "up "+time.Duration(*j.UptimeSeconds*float64(time.Second)).Round(time.Second).String())
	}
	if j.NMT != "" {
		parts = append(parts, "NMT "+j.NMT)
	}
	parts = append(parts, fmt.Sprintf("%d threads", j.Threads.Live))
	b.WriteString(strings.Join(parts, "   ") + "\n")
	const most = 3
	var pools []string
	for _, p := range j.Threads.Pools {
		if p.Count < 2 || len(pools) == most {
			break
		}
		pools = append(pools, fmt.Sprintf("%s × %d", p.Name, p.Count))
	}
	if len(pools) > 0 {
		b.WriteString("  pools: " + strings.Join(pools, ", ") + "\n")
	}
}

// writeSources writes the sources that gave nothing: what is missing, and what
// to do.
func writeSources(b *strings.Builder, sources []jvm.Source) {
	for _, s := range sources {
		if s.OK {
			continue
		}
		fmt.Fprintf(b, "! %s", s.Name)
		if s.PID != 0 {
			fmt.Fprintf(b, " (pid %d)", s.PID)
		}
		fmt.Fprintf(b, ": %s\n", s.Reason)
		if s.Fix != "" {
			fmt.Fprintf(b, "  fix: %s\n", s.Fix)
		}
	}
}

// Size writes bytes for people; unknown stays unknown.
func Size(bytes *int64) string {
	if bytes == nil {
		return "unknown"
	}
	n := float64(*bytes)
	switch {
	case n >= 1<<30 || n <= -1<<30:
		return fmt.Sprintf("%.2f GiB", n/(1<<30))
	case n >= 100<<10 || n <= -100<<10:
		return fmt.Sprintf("%.1f MiB", n/(1<<20))
	}
	return fmt.Sprintf("%.0f KiB", n/(1<<10))
}

// blank is Size for a column in which most rows have nothing.
func blank(bytes *int64) string {
	if bytes == nil {
		return ""
	}
	return Size(bytes)
}
