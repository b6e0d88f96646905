package eventlog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// 1/minOwned of native memory is what an owner needs to be in the sentence.
const minOwned = 10

// message summarises a breakdown for people: usage, how much of it is reclaimable, the
// largest rows, the verdict, and the unknown rows.
func message(c *breakdown.Container, d *diagnosis.Diagnosis) string {
	var b strings.Builder
	b.WriteString(label(c.Identity))
	b.WriteString(usage(c))
	known := slices.DeleteFunc(slices.Clone(c.Memory), func(row breakdown.Row) bool { return row.Bytes == nil })
	slices.SortStableFunc(known, func(a, b breakdown.Row) int { return cmp.Compare(*b.Bytes, *a.Bytes) })
	for i, row := range known[:min(len(known), 3)] {
		b.WriteString([]string{": ", ", ", ", "}[i] + string(row.Name) + " " + breakdown.Size(row.Bytes))
		if d := c.Divided(); row.Name == rows.Native && d != nil && d.Detail[0].Name != breakdown.OtherOwners && *d.Detail[0].Bytes >= *row.Bytes/minOwned {
			fmt.Fprintf(&b, " (%s of it owned by %s at %s)", breakdown.Size(d.Detail[0].Bytes), d.Detail[0].Name, c.Owners.Time.UTC().Format(time.RFC3339))
		}
	}
	if d != nil && (d.Verdict.Leak() || slices.Contains(rows.States(), d.Verdict)) {
		b.WriteString("; " + d.Summary)
	}
	var unknown []string
	for _, row := range c.Memory {
		if row.Bytes == nil {
			unknown = append(unknown, string(row.Name))
		}
	}
	if len(unknown) > 0 {
		b.WriteString("; unknown rows: " + strings.Join(unknown, ", "))
	}
	return b.String()
}

// usage includes the reclaimable part: a usage of 99 % may be harmless.
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
		text += ", " + breakdown.Size(c.ReclaimableBytes) + " of it reclaimable"
	}
	return text
}

// label names a container.
func label(c rows.Identity) string { return cmp.Or(c.Label(), "the container") }

// labelIn names a container and its pod, for a line that is read alone, as in an alert.
func labelIn(c rows.Identity, pod *breakdown.Pod) string {
	if pod == nil || pod.Name == "" {
		return label(c)
	}
	return label(c) + " in pod " + pod.Name
}
