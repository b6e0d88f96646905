package jvm

import (
	"slices"

	"github.com/jvmem/jvmem/jvm/region"
	"github.com/jvmem/jvmem/jvm/smaps"
)

const (
	// maxGuard is the largest guard below a stack: one page by glibc, or
	// HotSpot's red, yellow, reserved and shadow zones.
	maxGuard = 5 * 4096
	minStack = 64 << 10

	// Metaspace of JDK 16 and newer (JEP 387) reserves non-class nodes of 64 MiB
	// that start at root chunks of 16 MiB (metaspaceSettings.hpp at JDK 16: 4 MiB chunks).
	metaspaceNode = 64 << 20
	rootChunk     = 4 << 20
	elasticMajor  = 16
)

// stackPatterns finds thread stacks by their look: writable anonymous memory
// right above a small guard. Newer kernels mark MAP_STACK with "nh". An arena
// of malloc also follows inaccessible memory, but that is not reserved (nr).
// Stacks that glibc keeps for the next thread look the same, and are counted.
func stackPatterns(mappings []smaps.Mapping) []region.Range {
	var stacks []region.Range
	for i := 1; i < len(mappings); i++ {
		m, guard := &mappings[i], &mappings[i-1]
		if !m.Anonymous() || m.Perm != smaps.Read|smaps.Write || guard.End != m.Start {
			continue
		}
		if !guard.Anonymous() || guard.Perm != 0 || guard.Flags&smaps.NoReserve != 0 {
			continue
		}
		marked := m.Flags&smaps.NoHuge != 0
		if marked || (guard.End-guard.Start <= maxGuard && m.End-guard.Start >= minStack) {
			stacks = append(stacks, region.Range{Start: m.Start, End: m.End, Kind: region.Stack})
		}
	}
	return stacks
}

// metaspacePatterns returns the metaspace nodes that hold the given addresses
// of class metadata. known are ranges that are something else.
func metaspacePatterns(mappings []smaps.Mapping, known []region.Range, metadata []uint64, major int) []region.Range {
	var nodes []region.Range
	slices.Sort(metadata)
	for _, addr := range metadata {
		if len(nodes) > 0 && addr < nodes[len(nodes)-1].End {
			continue
		}
		if i := region.Find(known, addr); i < len(known) && known[i].Start <= addr {
			continue
		}
		i, found := slices.BinarySearchFunc(mappings, addr, func(m smaps.Mapping, a uint64) int {
			switch {
			case m.End <= a:
				return -1
			case m.Start > a:
				return 1
			}
			return 0
		})
		if !found || !mappings[i].Anonymous() {
			continue
		}
		node := region.Range{Start: mappings[i].Start, End: mappings[i].End, Kind: region.Metaspace}
		if major >= elasticMajor {
			// What is committed may have holes: take the whole node.
			node.Start = max(node.Start, addr&^(metaspaceNode-1))
		}
		nodes = append(nodes, node)
	}
	return nodes
}
