package breakdown

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// maxDetails is how many details of a row have a line.
const maxDetails = 5

// barWidth is the length of a bar that stands for the whole limit.
const barWidth = 24

// WriteText writes the report as a table for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	var b, trimmed strings.Builder
	for i := range r.Containers {
		if i > 0 {
			b.WriteString("\n")
		}
		r.Containers[i].writeText(&b, r.Time)
	}
	writeSources(&b, r.Sources)
	for line := range strings.Lines(b.String()) {
		trimmed.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	_, err := io.WriteString(w, trimmed.String())
	return err
}

func (c *Container) writeText(b *strings.Builder, at time.Time) {
	now := c.Now()
	fmt.Fprintf(b, "%s   limit %s   cgroup v%d%s\n", c.title(), now.limit(), c.CgroupVersion, c.age())
	b.WriteString(now.conclusion() + "\n")
	for i := range c.JVMs {
		c.JVMs[i].writeText(b)
	}
	b.WriteString("\n")
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%-17s\t%11s\t%8s\t%-*s\t%11s\t%11s\n", "", "RESIDENT", now.shareHead(), barWidth, "", "COMMITTED", "USED")
	for i := range c.Memory {
		row := &c.Memory[i]
		now.line(table, string(row.Name), row.Bytes, row.CommittedBytes, row.UsedBytes, true)
		now.details(table, row.Detail, "  ", maxDetails)
	}
	now.line(table, string(rows.Unattributed), c.UnattributedBytes, nil, nil, true)
	fmt.Fprintf(table, "= usage\t%11s\t%8s\t%-*s\t\t\n", Size(c.UsageBytes), now.share(c.UsageBytes), barWidth, now.bar(c.UsageBytes))
	_ = table.Flush() // a strings.Builder does not fail
	switch {
	case c.ReadAt != nil:
		fmt.Fprintf(b, "These rows were read at %s.\n", c.ReadAt.UTC().Format(time.RFC3339))
	case c.Reading != nil:
		fmt.Fprintf(b, "These rows are %s old: they are read less often while nothing moves, and within --max-cpu; usage is %s now.\n", c.Reading.Time.Sub(at).Round(time.Second), Size(now.UsageBytes))
	}
	shown := at
	if c.RowsAgeSeconds != nil {
		shown = at.Add(time.Duration(*c.RowsAgeSeconds * float64(time.Second)))
	}
	b.WriteString(c.ownersText(shown) + "\n")
	now.writeNumbers(b)
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

// details writes the details of a row that are worth a line: unknown ones, and the
// largest of at least 64 KiB; of owners all.
func (c *Container) details(w io.Writer, details []Detail, indent string, most int) {
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
		parts := maxDetails
		if c.Owners != nil && d.Name == c.Owners.Divided {
			parts = len(d.Detail)
		}
		c.details(w, d.Detail, indent+"  ", parts)
	}
}

// age returns how old the rows are, and whether the other numbers are newer.
func (c *Container) age() string {
	if c.RowsAgeSeconds == nil {
		return ""
	}
	text := "   rows of " + time.Duration(*c.RowsAgeSeconds*float64(time.Second)).Round(time.Second).String() + " ago"
	if c.Reading != nil {
		text += ", limit and usage of now"
	}
	return text
}

func (c *Container) title() string {
	switch {
	case c.Name != "" && c.ID != "":
		return "container " + c.Name + " (" + c.ShortID() + ")"
	case c.Name != "" || c.ID != "":
		return "container " + c.Label()
	}
	return "cgroup " + cmp.Or(c.Label(), "unknown")
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

// whole is 100 %: the limit, else usage.
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

// writeNumbers explains the numbers that dashboards show.
func (c *Container) writeNumbers(b *strings.Builder) {
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	number := func(name string, bytes *int64, meaning string) {
		fmt.Fprintf(table, "%s\t%11s\t%8s\t%s\n", name, Size(bytes), c.share(bytes), meaning)
	}
	number("usage", c.UsageBytes, "all memory charged to the container, including page cache")
	number("working set", c.WorkingSetBytes, "usage - inactive_file, as in kubectl top and kubelet eviction")
	rss := "private memory (anon) of all processes, as in cAdvisor"
	if c.Reading != nil {
		rss += "; when the rows were read"
	}
	number("rss", c.RSSBytes, rss)
	number("reclaimable", c.ReclaimableBytes, "page cache and slab that the kernel can reclaim")
	number("unreclaimable", rows.Unreclaimable(c.UsageBytes, c.ReclaimableBytes), "usage - reclaimable")
	if c.HeadroomBytes != nil {
		number("headroom", c.HeadroomBytes, "limit - working set")
	}
	_ = table.Flush() // a strings.Builder does not fail
}

// conclusion states how near the container is to an OOM kill.
func (c *Container) conclusion() string {
	unreclaimable := rows.Unreclaimable(c.UsageBytes, c.ReclaimableBytes)
	if unreclaimable == nil {
		return "Memory usage is unknown: see the sources below."
	}
	if c.LimitBytes == nil {
		return fmt.Sprintf("Unreclaimable memory: %s. No limit is set: the node's memory is the limit.", Size(unreclaimable))
	}
	text := fmt.Sprintf("Unreclaimable memory: %s of %s (%s). The container is OOM killed when it reaches the limit.",
		Size(unreclaimable), Size(c.LimitBytes), c.share(unreclaimable))
	if *c.ReclaimableBytes > *unreclaimable/20 {
		text += fmt.Sprintf(" The other %s (page cache, slab) are reclaimed first.", Size(c.ReclaimableBytes))
	}
	if c.OOMKills != nil && *c.OOMKills > 0 {
		text += fmt.Sprintf(" OOM kills so far: %d.", *c.OOMKills)
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

// writeSources writes the sources that failed: what is missing, and the fix.
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

// Size formats bytes for people; nil is "unknown".
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

// SignedSize formats a change of bytes.
func SignedSize(bytes int64) string {
	if bytes < 0 {
		bytes = -bytes
		return "-" + Size(&bytes)
	}
	return "+" + Size(&bytes)
}

// blank is Size for a column in which most rows have nothing.
func blank(bytes *int64) string {
	if bytes == nil {
		return ""
	}
	return Size(bytes)
}
