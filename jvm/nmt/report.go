package nmt

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// ErrDisabled is the reply of a JVM that was started without -XX:NativeMemoryTracking.
var ErrDisabled = errors.New("native memory tracking is not enabled in the JVM")

// ErrScale is the reply of a JVM that does not know the requested scale (JDK 8 knows
// KB, MB and GB only).
var ErrScale = errors.New("the JVM does not know this scale of native memory tracking")

// Report is one reply to VM.native_memory.
type Report struct {
	// ReservedBytes and CommittedBytes are the totals as the JVM prints them: address
	// space, and the part that HotSpot may touch (both include malloc).
	ReservedBytes, CommittedBytes int64

	// MallocBytes is HotSpot's malloc memory: blocks, arenas and the headers of the
	// tracking. It is the JVM's own total or, on JDK 8 and 11, the sum over the
	// categories.
	MallocBytes int64

	// MallocCount is the number of malloc blocks in the JVM's total; nil on JDK 8 and
	// 11, which do not print it.
	MallocCount *int64

	// ScaleBytes is the unit of the numbers: each is rounded down to it.
	ScaleBytes int64

	// Categories in the order of the report. One smaller than ScaleBytes may be missing
	// (JDK 17 on), one of zero always is.
	Categories []Category

	// Detail is true when the reply has a virtual memory map.
	Detail bool

	// Regions are the reservations of the virtual memory map, sorted and
	// disjoint; nil without one. They are reserved, not resident.
	Regions []ranges.Range
}

// Category is the memory of HotSpot for one purpose. A part that the report does not
// print is zero: HotSpot prints no zero.
type Category struct {
	// Name as printed: "Java Heap", "Class", "Thread", ...
	Name string

	// ReservedBytes and CommittedBytes include all the parts below.
	ReservedBytes, CommittedBytes int64

	// MallocBytes in MallocCount blocks. MallocCount is zero where JDK 8 and 11 print
	// only the size ("Arena Chunk").
	MallocBytes, MallocCount int64

	// ArenaBytes in ArenaCount arenas; they are malloc memory, not part of
	// MallocBytes.
	ArenaBytes, ArenaCount int64

	// MmapReservedBytes and MmapCommittedBytes, without thread stacks.
	MmapReservedBytes, MmapCommittedBytes int64

	// StackReservedBytes and StackCommittedBytes of category Thread. See the package:
	// the committed size is wrong on most JDKs.
	StackReservedBytes, StackCommittedBytes int64

	// OverheadBytes is the "tracking overhead" of category Native Memory
	// Tracking: the headers that it puts before every malloc block of all
	// categories. It is malloc memory, not part of MallocBytes.
	OverheadBytes int64

	// Threads is the number of threads in category Thread; nil in the others.
	Threads *int64

	// Classes is the number of loaded classes in category Class; nil in the others.
	Classes *int64
}

// Category returns the category of that name, and whether the report has it.
func (r *Report) Category(name string) (Category, bool) {
	for _, c := range r.Categories {
		if c.Name == name {
			return c, true
		}
	}
	return Category{}, false
}

// Parse parses one reply to VM.native_memory summary or detail.
func Parse(text string) (*Report, error) {
	r := &Report{}
	seenTotal, mallocTold := false, false
	rest := text
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		if name, ok := strings.CutPrefix(line, "Virtual memory map"); ok && strings.HasPrefix(name, ":") {
			r.Detail = true
			r.Regions = parseRegions(rest, len(r.Categories) > 0 && !r.hasMetaspace())
			break
		}
		switch {
		case strings.HasPrefix(line, "Native memory tracking is not enabled"):
			return nil, fmt.Errorf("parse VM.native_memory: %w", ErrDisabled)
		case strings.HasPrefix(line, "Incorrect scale value"):
			return nil, fmt.Errorf("parse VM.native_memory: %w", ErrScale)
		case strings.HasPrefix(line, "Total:") && !seenTotal:
			reserved, committed, ok := reservedCommitted(line)
			if !ok {
				return nil, fmt.Errorf("parse VM.native_memory: total without numbers: %.80q", line)
			}
			seenTotal = true
			r.ReservedBytes, r.CommittedBytes = reserved.bytes, committed.bytes
			r.ScaleBytes = reserved.scale
		case strings.HasPrefix(line, "-"):
			if c, ok := parseHeader(line); ok {
				r.Categories = append(r.Categories, c)
			}
		case len(r.Categories) > 0:
			r.Categories[len(r.Categories)-1].parsePart(line)
		case seenTotal:
			if a, ok := valueOf(line, "malloc: "); ok {
				r.MallocBytes, mallocTold = a.bytes, true
				r.MallocCount = countOf(line, "#")
			}
		}
	}
	if !seenTotal || len(r.Categories) == 0 {
		return nil, fmt.Errorf("parse VM.native_memory: not a reply to it: %.80q", text)
	}
	if !mallocTold {
		for _, c := range r.Categories {
			r.MallocBytes = saturatingAdd(r.MallocBytes, c.MallocBytes, c.ArenaBytes, c.OverheadBytes)
		}
	}
	return r, nil
}

// hasMetaspace reports whether metaspace has a category of its own (JDK 17 on).
func (r *Report) hasMetaspace() bool {
	_, ok := r.Category("Metaspace")
	return ok
}

// parseHeader parses "- Java Heap (reserved=262144KB, committed=155648KB)".
func parseHeader(line string) (Category, bool) {
	name, numbers, ok := strings.Cut(line[1:], "(reserved=")
	name = strings.TrimSpace(name)
	if !ok || name == "" {
		return Category{}, false
	}
	reserved, committed, ok := reservedCommitted("reserved=" + numbers)
	return Category{Name: name, ReservedBytes: reserved.bytes, CommittedBytes: committed.bytes}, ok
}

// parsePart parses one parenthesised line below a header. The lines of the blocks
// "Metadata:" and "Class space:" begin with blanks after the parenthesis, and are
// skipped.
func (c *Category) parsePart(line string) {
	part, ok := strings.CutPrefix(strings.TrimSpace(line), "(")
	if !ok {
		return
	}
	// The text after the first parenthesis is the peak, not the current size.
	part, _, _ = strings.Cut(part, ")")
	switch {
	case strings.HasPrefix(part, "malloc="):
		if a, ok := valueOf(part, "malloc="); ok {
			c.MallocBytes, c.MallocCount = a.bytes, orZero(countOf(part, " #"))
		}
	case strings.HasPrefix(part, "arena="):
		if a, ok := valueOf(part, "arena="); ok {
			c.ArenaBytes, c.ArenaCount = a.bytes, orZero(countOf(part, " #"))
		}
	case strings.HasPrefix(part, "mmap: "):
		if reserved, committed, ok := reservedCommitted(part); ok {
			c.MmapReservedBytes, c.MmapCommittedBytes = reserved.bytes, committed.bytes
		}
	case strings.HasPrefix(part, "stack: "):
		if reserved, committed, ok := reservedCommitted(part); ok {
			c.StackReservedBytes, c.StackCommittedBytes = reserved.bytes, committed.bytes
		}
	case strings.HasPrefix(part, "tracking overhead="):
		if a, ok := valueOf(part, "tracking overhead="); ok {
			c.OverheadBytes = a.bytes
		}
	case strings.HasPrefix(part, "thread #"), strings.HasPrefix(part, "threads #"):
		c.Threads = countOf(part, "#")
	case strings.HasPrefix(part, "classes #"):
		c.Classes = countOf(part, "#")
	}
}

// MallocedBytes is the malloc that NMT tracks, over all categories.
func (r *Report) MallocedBytes() int64 {
	var sum int64
	for _, c := range r.Categories {
		sum += c.MallocBytes + c.ArenaBytes
	}
	return sum
}
