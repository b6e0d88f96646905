package nmt

import (
	"slices"
	"strings"
)

// CallSite is the memory that one path of calls in HotSpot allocated and has not freed.
type CallSite struct {
	// Category as in Category.Name; "" if HotSpot prints none.
	Category string
	// Calls are the innermost functions, the innermost first; an address where HotSpot has
	// no symbol (all of them on JDK 8, compiled Java code elsewhere).
	Calls []string
	// Bytes are malloced or committed; Blocks are those of malloc, 0 for committed memory.
	Bytes, Blocks int64
}

// Key tells one call site from another of the same JVM.
func (s *CallSite) Key() string { return s.Category + "\n" + strings.Join(s.Calls, "\n") }

const (
	maxCallSites = 20_000
	maxCalls     = 8 // HotSpot keeps 4
)

// ParseCallSites parses the call sites of one reply to VM.native_memory detail; none if NMT
// is not at detail. Those that have less than the scale (1 KiB) are not in it.
//
//	[0x00007f00f6cd4ffd] StringTable::create_table()+0x18d
//	[0x00007f00f6dcc458] universe_init()+0x228
//	                             (malloc=512KB type=Symbol #1) (at peak)
//
// Paths that differ only in addresses within the same functions are one.
func ParseCallSites(text string) []CallSite {
	_, text, _ = strings.Cut(text, "\nDetails:")
	index := make(map[string]int)
	var sites []CallSite
	var calls []string
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if call, ok := parseCall(line); ok && len(calls) < maxCalls {
			calls = append(calls, call)
			continue
		}
		site, ok := parseSite(line)
		if ok && len(calls) > 0 {
			site.Calls = slices.Clone(calls)
			if i, ok := index[site.Key()]; ok {
				sites[i].Bytes = saturatingAdd(sites[i].Bytes, site.Bytes)
				sites[i].Blocks = saturatingAdd(sites[i].Blocks, site.Blocks)
			} else if len(sites) < maxCallSites {
				index[site.Key()] = len(sites)
				sites = append(sites, site)
			}
		}
		calls = calls[:0]
	}
	return sites
}

// parseCall parses "[0x00007f00f6cd4ffd] StringTable::create_table()+0x18d" and
// "[0x00007f691681bd82]JavaMain+0xa2 in libjli.so".
func parseCall(line string) (call string, ok bool) {
	address, call, ok := strings.Cut(line, "]")
	if !ok || !strings.HasPrefix(address, "[0x") || strings.Contains(address, " ") {
		return "", false
	}
	call = strings.TrimSpace(call)
	if i := strings.LastIndex(call, "+0x"); i > 0 {
		call = call[:i]
	}
	if call == "" {
		call = address[1:]
	}
	return call, true
}

// parseSite parses "(malloc=512KB type=Symbol #1) (at peak)", from JDK 25 on
// "((malloc=1KB tag=Class #1) (peak=1KB #2))", and
// "(reserved=512KB, committed=304KB Type=GC)".
func parseSite(line string) (s CallSite, ok bool) {
	part := strings.TrimLeft(line, " (")
	if part == line {
		return CallSite{}, false
	}
	part, _, _ = strings.Cut(part, ")") // a peak follows
	key := "committed="
	if strings.HasPrefix(part, "malloc=") {
		key, s.Blocks = "malloc=", max(1, orZero(countOf(part, " #"))) // no count: one block (JDK 8 to 17)
	}
	bytes, ok := valueOf(part, key)
	s.Bytes = bytes.bytes
	for _, mark := range []string{" type=", " tag=", " Type=", " Tag="} {
		if _, category, found := strings.Cut(part, mark); found {
			category, _, _ = strings.Cut(category, " #")
			s.Category = strings.TrimSpace(category)
		}
	}
	return s, ok
}
