package jvm

import (
	"slices"

	"github.com/jvmem/jvmem/jvm/region"
	"github.com/jvmem/jvmem/jvm/smaps"
	"github.com/jvmem/jvmem/jvm/vmstructs"
)

const (
	// maxGuard is the largest guard below a stack: one page by glibc, or
	// HotSpot's red, yellow, reserved and shadow zones.
	maxGuard = 5 * 4096
	minStack = 64 << 10

	// elasticMajor is the first JDK with the metaspace of JEP 387. Its
	// reservations are aligned to root chunks, the smallest of which were 4 MiB
	// (metaspace::chunklevel::MAX_CHUNK_BYTE_SIZE).
	elasticMajor = 16
	rootChunk    = 4 << 20
)

// stackPatterns finds thread stacks by their look: writable anonymous memory
// that newer kernels mark as MAP_STACK ("nh"), or that lies right above a small
// guard. glibc 2.43 has guards within the mapping, which show nowhere. An arena
// of malloc also follows inaccessible memory, but that is not reserved (nr).
// Stacks that glibc keeps for the next thread look the same, and are counted.
//
// A mapping without the mark may be a stack and what malloc mapped right above
// it in one: where a stack in it is known, the rest is left to others.
func stackPatterns(mappings []smaps.Mapping, known []region.Range) []region.Range {
	var stacks []region.Range
	for i := range mappings {
		m := &mappings[i]
		if !m.Anonymous() || m.Perm != smaps.Read|smaps.Write {
			continue
		}
		marked := m.Flags&smaps.NoHuge != 0
		if marked || (i > 0 && isGuard(&mappings[i-1], m) && !holdsStack(m, known)) {
			stacks = append(stacks, region.Range{Start: m.Start, End: m.End, Kind: region.Stack})
		}
	}
	return stacks
}

// holdsStack reports whether one of the known stacks (sorted, disjoint) lies in m.
func holdsStack(m *smaps.Mapping, known []region.Range) bool {
	for i := region.Find(known, m.Start); i < len(known) && known[i].Start < m.End; i++ {
		if known[i].Kind == region.Stack {
			return true
		}
	}
	return false
}

// isGuard reports whether guard may be the guard of a stack m.
func isGuard(guard, m *smaps.Mapping) bool {
	return guard.End == m.Start && guard.Anonymous() && guard.Perm == 0 && guard.Flags&smaps.NoReserve == 0 &&
		guard.End-guard.Start <= maxGuard && m.End-guard.Start >= minStack
}

// metaspacePatterns returns the mappings that hold class metadata and are not
// known to be something else: the committed part of a reservation. What malloc
// mapped right below it may have become one mapping with it, so from JDK 16 on
// a range starts at the root chunk of its first class.
func metaspacePatterns(mappings []smaps.Mapping, known []region.Range, metadata vmstructs.Metadata, major int) []region.Range {
	align := uint64(0)
	if major >= elasticMajor {
		align = rootChunk
	}
	nodes := mappingsWith(mappings, known, metadata.ConstantPools, region.Metaspace, align)
	known = region.Merge(known, nodes)
	return append(nodes, mappingsWith(mappings, known, metadata.Classes, region.ClassSpace, align)...)
}

// mappingsWith returns the anonymous mappings that hold one of the addresses, as
// ranges of a kind; with align, from the aligned address below the first on.
func mappingsWith(mappings []smaps.Mapping, known []region.Range, addresses []uint64, kind region.Kind, align uint64) []region.Range {
	var found []region.Range
	slices.Sort(addresses)
	for _, addr := range addresses {
		if len(found) > 0 && addr < found[len(found)-1].End {
			continue
		}
		if i := region.Find(known, addr); i < len(known) && known[i].Start <= addr {
			continue
		}
		i, ok := slices.BinarySearchFunc(mappings, addr, func(m smaps.Mapping, a uint64) int {
			switch {
			case m.End <= a:
				return -1
			case m.Start > a:
				return 1
			}
			return 0
		})
		if !ok || !mappings[i].Anonymous() {
			continue
		}
		r := region.Range{Start: mappings[i].Start, End: mappings[i].End, Kind: kind}
		if align > 0 {
			r.Start = max(r.Start, addr/align*align)
		}
		found = append(found, r)
	}
	return found
}
