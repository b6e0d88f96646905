package sizing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// Current is what the current settings need.
type Current struct {
	MaxHeapBytes int64 `json:"max_heap_bytes"`
	// NeededBytes is the maximum heap and everything else at its peak, in parts.
	NeededBytes int64                  `json:"needed_bytes"`
	Parts       []diagnosis.BudgetPart `json:"parts"`
	// NeedsLimitBytes is the limit for it, with headroom.
	NeedsLimitBytes int64 `json:"needs_limit_bytes"`
	// Fits is whether NeededBytes fit the limit, as the verdict budget has it; null: no limit.
	Fits *bool `json:"fits"`
	// Breaks says what reaches the limit first, and when.
	Breaks string `json:"breaks,omitempty"`
}

// current judges the current settings.
func (c *Container) current(life *diagnosis.Life, needs *diagnosis.Needs) {
	maxHeap, ok := life.Flag("MaxHeapSize")
	if !ok {
		return
	}
	p := &Current{MaxHeapBytes: maxHeap}
	p.Parts, p.NeededBytes = needs.At(maxHeap)
	p.NeedsLimitBytes = diagnosis.LimitFor(p.NeededBytes)
	c.Current = p
	if c.LimitBytes == nil {
		return
	}
	p.Fits = new(p.NeededBytes <= *c.LimitBytes)
	if room := *c.LimitBytes - p.NeededBytes; room < 0 {
		p.Breaks = c.breaks(p, maxHeap+room)
	} else {
		p.Breaks = roomFor(life, room)
	}
	if len(c.Leaks) > 0 {
		p.Breaks += "; leaking rows count with their peak"
	}
	if busiest := c.Observed.BusiestCores; busiest != nil {
		p.Breaks += fmt.Sprintf(" (load observed: up to %.2f cores)", *busiest)
	}
}

// breaks says how far the heap can grow, for which only some of its maximum is left.
func (c *Container) breaks(p *Current, left int64) string {
	if left <= 0 {
		return "everything but the heap reaches the limit by itself"
	}
	text := fmt.Sprintf("the heap reaches the limit first, at %s of its maximum of %s", size(left), size(p.MaxHeapBytes))
	if peak := c.Rows[0].PeakBytes; peak != nil { // the heap is the first row
		text += fmt.Sprintf("; %s were resident at most", size(*peak))
	}
	return text
}

// roomFor says what would have to grow into the room that is left.
func roomFor(life *diagnosis.Life, room int64) string {
	text := size(room) + " are left"
	stacks := life.Peak(history.Row(rows.Threads))
	threads := life.Peak(history.Threads)
	if stacks != nil && threads != nil && *threads > 0 {
		text += fmt.Sprintf(", enough for %d more threads like the %d that ran", room/(*stacks / *threads + stackKernel), *threads)
	}
	first, over := "", int64(0)
	for _, of := range []struct {
		name, flag, series string
	}{
		{"metaspace", "MaxMetaspaceSize", history.Committed(rows.Metaspace)},
		{"the code cache", "ReservedCodeCacheSize", history.Row(rows.CodeCache)},
		{"direct buffers", "MaxDirectMemorySize", history.Detail(rows.Native, rows.DirectBuffers)},
	} {
		most, ok := life.Flag(of.flag)
		if of.flag == "MaxDirectMemorySize" && ok && most == 0 {
			most, ok = life.Flag("MaxHeapSize") // its default
		}
		peak := life.Peak(of.series)
		if ok && peak != nil && most-*peak-room > over {
			first, over = fmt.Sprintf("%s may grow beyond that, from %s to %s (%s)", of.name, size(*peak), size(most), of.flag), most-*peak-room
		}
	}
	if first != "" {
		text += "; " + first
	}
	return text
}

// leastRetained is worth a note.
const leastRetained = 16 * mib

// note says what else counts.
func (c *Container) note(life *diagnosis.Life, all []jvm) {
	switch {
	case len(all) > 1:
		c.Notes = append(c.Notes, "what each JVM uses beside its heap is not known: MaxMetaspaceSize and ReservedCodeCacheSize stay as they are, and MaxDirectMemorySize at its current value")
	case c.Recommended.MaxDirectMemoryBytes != nil && life.Peak(history.Detail(rows.Native, rows.DirectBuffers)) == nil:
		c.Notes = append(c.Notes, "the size of direct buffers is unknown without Native Memory Tracking: MaxDirectMemorySize stays at its current value, the maximum heap")
	}
	if retained := life.Peak(history.Detail(rows.Native, rows.AllocatorRetained)); retained != nil {
		c.retained = *retained
		if *retained >= max(leastRetained, c.Recommended.NeededBytes/10) {
			c.Notes = append(c.Notes, fmt.Sprintf("glibc retained up to %s of freed memory: %s", size(*retained),
				strings.Join(diagnosis.Next(rows.VerdictAllocatorRetention, "", all[0].JVM), "; ")))
		}
	}
	has := func(flag string) bool {
		return slices.ContainsFunc(all, func(j jvm) bool { return j.Flags[flag] == true })
	}
	if has("UseTransparentHugePages") {
		c.Notes = append(c.Notes, "with UseTransparentHugePages whole stacks of threads may become resident: set -Xss no larger than needed")
	}
	if has("AlwaysPreTouch") {
		c.Notes = append(c.Notes, "with AlwaysPreTouch the whole initial heap is resident from the start")
	}
}

// notable is the part of the limit, and what of it at least, that is worth giving back.
const notable, leastWaste = 0.1, 32 * mib

// waste notes what could be given back. The parts overlap.
func (c *Container) waste() {
	r := c.Recommended
	add := func(what string, bytes int64, of int64, text string) {
		if bytes >= max(leastWaste, int64(notable*float64(of))) {
			c.Wasted = append(c.Wasted, Waste{what, bytes, text})
		}
	}
	if c.LimitBytes != nil {
		add("limit", *c.LimitBytes-r.LimitBytes, *c.LimitBytes, fmt.Sprintf("the limit is %s above what is needed, with %s of headroom", size(*c.LimitBytes-r.LimitBytes), size(r.HeadroomBytes)))
	}
	if p := c.Current; p != nil {
		maxHeap, more := p.MaxHeapBytes, p.MaxHeapBytes-r.MaxHeapBytes
		text := fmt.Sprintf("the maximum heap of %s is %s above what is needed", size(maxHeap), size(more))
		if peak := c.Rows[0].PeakBytes; peak != nil {
			text += fmt.Sprintf("; at most %s of it were resident", size(*peak))
		}
		add("heap", more, maxHeap, text)
	}
	add("allocator_retained", c.retained, r.NeededBytes, fmt.Sprintf("glibc retains up to %s of freed memory", size(c.retained)))
}
