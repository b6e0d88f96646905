package compare

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet"
)

// maxPools is how many pools of threads the table shows: those that differ most.
const maxPools = 10

// WriteTable writes the comparison as kubectl writes tables.
func (c *Comparison) WriteTable(w io.Writer) error {
	out := printers.GetNewTabWriter(w)
	line := func(cells ...string) { fmt.Fprintln(out, strings.TrimRight(strings.Join(cells, "\t"), "\t")) }
	single := !slices.ContainsFunc(c.Groups, func(g Group) bool { return len(g.Pods) > 1 })
	replicas := single && len(c.Groups) > 2

	head, uptime := []string{""}, []string{"uptime"}
	for _, g := range c.Groups {
		title := g.Name
		if !single {
			title = fmt.Sprintf("%s (%s)", g.Name, fleet.Pods(len(g.Pods)))
		}
		head, uptime = append(head, title), append(uptime, uptimes(g.Pods))
	}
	if replicas {
		line(append(head, "SPREAD", "OUTLIER")...)
	} else {
		line(append(head, "DIFFERENCE")...)
	}
	line(uptime...)
	values, left := c.shown()
	for _, v := range values {
		cells := []string{label(v.Name)}
		for _, r := range v.Groups {
			cells = append(cells, v.cell(r))
		}
		if replicas {
			line(append(cells, v.spread(), v.Outlier)...)
		} else {
			line(append(cells, v.difference())...)
		}
	}
	if left > 0 {
		line(fmt.Sprintf("  and %d other pools", left))
	}
	if len(c.Settings) > 0 {
		line()
		line("settings that differ")
		for _, s := range c.Settings {
			line(append([]string{"  " + s.Name}, s.Groups...)...)
		}
	}
	return out.Flush()
}

// shown returns the values without the details that are 0 everywhere, and with the pools
// that differ most; left is how many pools are left out.
func (c *Comparison) shown() (values []*Value, left int) {
	var pools []*Value
	for i := range c.Values {
		v := &c.Values[i]
		switch {
		case strings.HasPrefix(v.Name, poolPrefix):
			pools = append(pools, v)
		case strings.HasPrefix(v.Name, detailPrefix) && v.max() == 0:
		default:
			values = append(values, v)
		}
	}
	slices.SortStableFunc(pools, func(a, b *Value) int {
		return cmp.Or(cmp.Compare(b.width(), a.width()), cmp.Compare(b.max(), a.max()))
	})
	n := min(len(pools), maxPools)
	return append(values, pools[:n]...), len(pools) - n
}

// max is the largest number known.
func (v *Value) max() (n int64) {
	for _, r := range v.Groups {
		if r != nil {
			n = max(n, r.Max)
		}
	}
	return n
}

// width is how far apart the medians are.
func (v *Value) width() float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, r := range v.Groups {
		if r != nil {
			low, high = min(low, r.Median), max(high, r.Median)
		}
	}
	return max(0, high-low)
}

func label(name string) string {
	if _, detail, ok := strings.Cut(strings.TrimPrefix(name, detailPrefix), "/"); ok && strings.HasPrefix(name, detailPrefix) {
		return "  " + detail
	}
	for prefix, format := range map[string]string{rowPrefix: "%s", usedPrefix: "  used (%s)", poolPrefix: "  %s"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return fleet.Printable(fmt.Sprintf(format, rest), 40)
		}
	}
	switch name {
	case classes:
		return "classes loaded"
	case threads:
		return "live threads"
	}
	return name
}

func (v *Value) text(n float64) string {
	if v.Unit == "count" {
		return fmt.Sprintf("%g", n)
	}
	return fleet.Size(n)
}

func (v *Value) cell(r *Range) string {
	if r == nil {
		return fleet.Unknown
	}
	low, high := v.text(float64(r.Min)), v.text(float64(r.Max))
	if low == high {
		return low
	}
	return fmt.Sprintf("%s (%s to %s)", v.text(r.Median), low, high)
}

func (v *Value) difference() string {
	switch {
	case v.Difference == nil:
		return fleet.Unknown
	case *v.Difference == 0:
		return "0"
	case v.BeyondSpread != nil && !*v.BeyondSpread:
		return "within the spread"
	case *v.Difference > 0:
		return "+" + v.text(*v.Difference)
	}
	return v.text(*v.Difference)
}

func (v *Value) spread() string {
	if slices.Contains(v.Groups, nil) {
		return fleet.Unknown
	}
	return v.text(v.width())
}

func uptimes(pods []Pod) string {
	var known []float64
	for _, p := range pods {
		if p.UptimeSeconds != nil {
			known = append(known, *p.UptimeSeconds)
		}
	}
	if len(known) == 0 {
		return fleet.Unknown
	}
	low, high := fleet.Seconds(new(slices.Min(known))), fleet.Seconds(new(slices.Max(known)))
	if low == high {
		return low
	}
	return low + " to " + high
}

// WriteNotes says what limits the comparison.
func (c *Comparison) WriteNotes(w io.Writer) {
	if c.UptimeSeconds != nil {
		fmt.Fprintf(w, "compared at an uptime of %s\n", fleet.Seconds(c.UptimeSeconds))
	}
	for _, note := range c.Notes {
		fmt.Fprintf(w, "! %s\n", note)
	}
}

// WriteJSON writes the comparison in the form of Schema.
func (c *Comparison) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(c)
}
