package nmt

import (
	"strconv"
	"strings"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// JDK 8 and 11 call both kinds of metaspace "Class". The compressed class space is
// below narrowLimit, the end of class pointers that are compressed with a shift of 3
// and no base, unless the heap is there; mmap without an address never places a node
// there. Elsewhere only its size distinguishes it: 1 GiB unless configured, while a
// node of the other kind has a few MiB.
const (
	narrowLimit   = 32 << 30
	minClassSpace = 512 << 20
)

// parseRegions parses the virtual memory map:
//
//	[0x00000000f0000000 - 0x0000000100000000] reserved 262144KB for Java Heap from
//	    [0x00007f0859869dfc]MemoryReserver::reserve(...)+0x19c
//
//	        [0x00000000f0000000 - 0x00000000f0800000] committed 8192KB from
//
// Only reservations are parsed: they begin in the first column. classIsMixed: "Class"
// has metaspace of both kinds (JDK 8, 11).
func parseRegions(text string, classIsMixed bool) []ranges.Range {
	var list []ranges.Range
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		// After the map come offsets in memory files, and then call sites.
		if strings.HasPrefix(line, "Memory file details") || strings.HasPrefix(line, "Details:") {
			break
		}
		start, end, what, ok := parseReservation(line)
		if !ok {
			continue
		}
		kind := kindOf(what)
		if kind == ranges.ClassSpace && classIsMixed && start >= narrowLimit && end-start < minClassSpace {
			kind = ranges.Metaspace
		}
		list = append(list, ranges.Range{Start: start, End: end, Kind: kind})
	}
	return ranges.Merge(list)
}

// parseReservation parses one reservation and the category's name.
func parseReservation(line string) (start, end uint64, what string, ok bool) {
	line, ok = strings.CutPrefix(line, "[0x")
	if !ok {
		return 0, 0, "", false
	}
	bounds, about, ok := strings.Cut(line, "] reserved ")
	if !ok {
		return 0, 0, "", false
	}
	low, high, ok := strings.Cut(bounds, " - 0x")
	if !ok {
		return 0, 0, "", false
	}
	start, errLow := strconv.ParseUint(low, 16, 64)
	end, errHigh := strconv.ParseUint(high, 16, 64)
	_, what, ok = strings.Cut(about, " for ")
	if errLow != nil || errHigh != nil || !ok || start >= end {
		return 0, 0, "", false
	}
	// A reservation without a call stack has no "from" (JDK 8 to 17 leave a blank).
	what = strings.TrimSpace(what)
	return start, end, strings.TrimSuffix(what, " from"), true
}

// kindOf returns the kind of a category's ranges.
func kindOf(name string) ranges.Kind {
	switch name {
	case "Java Heap":
		return ranges.Heap
	case "Thread Stack", "Thread":
		return ranges.Stack
	case "Code":
		return ranges.Code
	case "GC", "Card Table", "GCCardSet":
		return ranges.GC
	case "Metaspace":
		return ranges.Metaspace
	case "Class":
		return ranges.ClassSpace
	case "Shared class space", "Shared Class Space":
		return ranges.CDS
	}
	return ranges.VMInternal
}
