package ranges

import (
	"slices"

	"github.com/jvmem/jvmem/jvm/pages"
)

const minStack = 64 << 10

// maxGuard returns the size of the largest guard below a stack: a page by glibc, and HotSpot's
// red, yellow and reserved zones, which have 16 KiB, or a page each where that is more
// (stackOverflow.hpp; on JDK 8 three pages). Larger pages also make the unused rest of the
// collector's tables that small, so where Java's stacks are known it is one of them.
func maxGuard(pageBytes uint64, java bool) uint64 {
	if java {
		return max(5*4096, pageBytes)
	}
	return 5 * pageBytes
}

// findStacks finds thread stacks: writable anonymous memory that newer kernels mark as
// MAP_STACK ("nh", in smaps only), that has guard regions (glibc 2.43, reported by a
// scan), or that lies right above a small guard. An arena of malloc also follows
// inaccessible memory, but that is not reserved (nr). Stacks that glibc keeps for the
// next thread have the same form, and are included.
//
// A mapping without the mark may contain a stack and what was mapped right above it: if
// it contains a known stack, the rest is not taken for one. If the stacks of Java
// threads are known, others are no larger than native, unless that is 0. Otherwise the
// end of a stack is unknown, and sure is false. Those whose end is a guess are in guessed.
func findStacks(mappings []pages.Mapping, known []Range, native, pageBytes uint64) (stacks, guessed []Range, sure bool) {
	java := slices.ContainsFunc(known, func(r Range) bool { return r.Kind == Stack })
	sure = java
	for i := range mappings {
		m := &mappings[i]
		if !m.Anonymous() || m.Perm != pages.Read|pages.Write {
			continue
		}
		stack := Range{Start: m.Start, End: m.End, Kind: Stack}
		if m.Flags&pages.NoHuge != 0 || m.Guarded {
			sure = true
			stacks = append(stacks, stack)
			continue
		}
		if i == 0 || !isGuard(&mappings[i-1], m, maxGuard(pageBytes, java)) || holdsStack(m, known) {
			continue
		}
		if java && native > 0 {
			stack.End = min(stack.End, mappings[i-1].Start+native)
		}
		guessed = append(guessed, stack)
	}
	return stacks, guessed, sure
}

// endAtChunks ends each stack at the first chunk of malloc (sorted, disjoint) above its begin:
// the kernel joined that chunk, and what else is above it, with the stack. One that begins with
// a chunk is none.
func endAtChunks(stacks, chunks []Range) []Range {
	for i := range stacks {
		s := &stacks[i]
		if k := Find(chunks, s.Start); k < len(chunks) {
			s.End = min(s.End, chunks[k].Start)
		}
	}
	return slices.DeleteFunc(stacks, func(s Range) bool { return s.Start >= s.End })
}

// holdsStack reports whether one of the known stacks (sorted, disjoint) lies in m.
func holdsStack(m *pages.Mapping, known []Range) bool {
	for i := Find(known, m.Start); i < len(known) && known[i].Start < m.End; i++ {
		if known[i].Kind == Stack {
			return true
		}
	}
	return false
}

// isGuard reports whether guard may be the guard of a stack m.
func isGuard(guard, m *pages.Mapping, maxBytes uint64) bool {
	return guard.End == m.Start && guard.Anonymous() && guard.Perm == 0 && guard.Flags&pages.NoReserve == 0 &&
		guard.End-guard.Start <= maxBytes && m.End-guard.Start >= minStack
}
