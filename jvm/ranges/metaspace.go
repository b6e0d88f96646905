package ranges

import (
	"slices"

	"github.com/jvmem/jvmem/jvm/pages"
)

const (
	// elasticMajor is the first JDK with the metaspace of JEP 387. Its
	// reservations are aligned to root chunks, the smallest of which were 4 MiB
	// (metaspace::chunklevel::MAX_CHUNK_BYTE_SIZE).
	elasticMajor = 16
	rootChunk    = 4 << 20

	// nodeBytes is the size of a reservation before that (VirtualSpaceSize in
	// metaspace.cpp; the first one is larger). It may begin at any page.
	nodeBytes = 2 << 20
)

// findMetaspace finds metaspace where no source reports it: memory with class metadata
// that is not known to be something else. From JDK 16 on it reaches from the root chunk
// of the first class to the end of the mapping, the committed part of a reservation.
// Before, it reaches from the first class to the last: memory of malloc below or above
// may be in the same mapping (widen).
func findMetaspace(mappings []pages.Mapping, known []Range, constantPools, classes []uint64, major int, pageBytes uint64) []Range {
	nodes := nodesWith(mappings, known, constantPools, Metaspace, major, pageBytes)
	known = Merge(known, nodes)
	return append(nodes, nodesWith(mappings, known, classes, ClassSpace, major, pageBytes)...)
}

func nodesWith(mappings []pages.Mapping, known []Range, addresses []uint64, kind Kind, major int, pageBytes uint64) []Range {
	var nodes []Range
	slices.Sort(addresses)
	for _, addr := range addresses {
		if len(nodes) > 0 && addr < nodes[len(nodes)-1].End {
			continue
		}
		if i := Find(known, addr); i < len(known) && known[i].Start <= addr {
			continue
		}
		m := mappingAt(mappings, addr)
		if m == nil || !m.Anonymous() {
			continue
		}
		start := addr &^ (pageBytes - 1)
		switch {
		case major >= elasticMajor:
			nodes = append(nodes, Range{Start: max(m.Start, addr&^(rootChunk-1)), End: m.End, Kind: kind})
		case len(nodes) > 0 && nodes[len(nodes)-1].Start >= m.Start && start <= nodes[len(nodes)-1].End+nodeBytes:
			nodes[len(nodes)-1].End = start + pageBytes
		default:
			nodes = append(nodes, Range{Start: start, End: start + pageBytes, Kind: kind})
		}
	}
	return nodes
}

// widen adds the memory around the classes of a JDK before 16, up to the next known
// range (so malloc must be known), but not more than a reservation. A reservation
// without a class, as for the code of large classes, is a mapping of its own next to
// the others.
func widen(mappings []pages.Mapping, known, nodes []Range) []Range {
	wide := slices.Clone(nodes)
	for i := range wide {
		r := &wide[i]
		start, end := anonymousAround(mappings, r.Start)
		start, end = max(start, r.Start-nodeBytes), min(end, r.End+nodeBytes)
		for k := Find(known, start); k < len(known) && known[k].Start < end; k++ {
			switch {
			case known[k].End <= r.Start:
				start = known[k].End
			case known[k].Start >= r.End:
				end = known[k].Start
			}
		}
		r.Start, r.End = start, end
	}
	return wide
}

// anonymousAround returns the bounds of memory with the same access as that at an
// address, over adjacent mappings.
func anonymousAround(mappings []pages.Mapping, addr uint64) (start, end uint64) {
	first := slices.IndexFunc(mappings, func(m pages.Mapping) bool { return m.End > addr })
	last := first
	like := func(m *pages.Mapping) bool { return m.Anonymous() && !m.Special() && m.Perm == mappings[first].Perm }
	for first > 0 && mappings[first-1].End == mappings[first].Start && like(&mappings[first-1]) {
		first--
	}
	for last < len(mappings)-1 && mappings[last+1].Start == mappings[last].End && like(&mappings[last+1]) {
		last++
	}
	return mappings[first].Start, mappings[last].End
}

// mappingAt returns the mapping that contains an address; nil if there is none.
func mappingAt(mappings []pages.Mapping, addr uint64) *pages.Mapping {
	i, ok := slices.BinarySearchFunc(mappings, addr, func(m pages.Mapping, a uint64) int {
		switch {
		case m.End <= a:
			return -1
		case m.Start > a:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return &mappings[i]
}
