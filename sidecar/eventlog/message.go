package eventlog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
)

// message is a breakdown for people: how full, how much of it comes back, what
// takes most, and what is the matter.
func message(c *breakdown.Container, d *diagnosis.Diagnosis) string {
	var b strings.Builder
	b.WriteString(who(c.Name, c.ID))
	b.WriteString(usage(c))
	rows := slices.DeleteFunc(slices.Clone(c.Memory), func(row breakdown.Row) bool { return row.Bytes == nil })
	slices.SortStableFunc(rows, func(a, b breakdown.Row) int { return cmp.Compare(*b.Bytes, *a.Bytes) })
	for i, row := range rows[:min(len(rows), 3)] {
		b.WriteString([]string{": ", ", ", ", "}[i] + string(row.Name) + " " + breakdown.Size(row.Bytes))
	}
	if d != nil && (d.Verdict.Leak() || d.Verdict == diagnosis.Budget || d.Verdict == diagnosis.PageCache) {
		b.WriteString("; " + d.Summary)
	}
	var unknown []string
	for _, row := range c.Memory {
		if row.Bytes == nil {
			unknown = append(unknown, string(row.Name))
		}
	}
	if len(unknown) > 0 {
		b.WriteString("; not known: " + strings.Join(unknown, ", "))
	}
	return b.String()
}

// usage says how much is in use, and how much of that the kernel can take back: 99 %
// may be harmless.
func usage(c *breakdown.Container) string {
	if c.UsageBytes == nil {
		return " uses an unknown amount of memory"
	}
	text := " uses " + breakdown.Size(c.UsageBytes)
	if c.LimitBytes != nil {
		text += " of " + breakdown.Size(c.LimitBytes)
		if *c.LimitBytes > 0 {
			text += fmt.Sprintf(" (%.1f %%)", 100*float64(*c.UsageBytes)/float64(*c.LimitBytes))
		}
	}
	if c.ReclaimableBytes != nil {
		text += ", of which the kernel can take back " + breakdown.Size(c.ReclaimableBytes)
	}
	return text
}

// who names a container.
func who(name, id string) string { return cmp.Or(name, id[:min(len(id), 12)], "the container") }

// whoIn names a container and its pod, for a line that stands alone in an alert.
func whoIn(name, id string, pod *breakdown.Pod) string {
	if pod == nil || pod.Name == "" {
		return who(name, id)
	}
	return who(name, id) + " in pod " + pod.Name
}
