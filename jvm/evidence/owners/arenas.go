package owners

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/threads"
)

const (
	maxThreadPools = 3
	// threadBytes are read at the top of a stack: the thread's descriptor and its variables
	// (struct pthread of glibc, with the thread-local storage below it).
	threadBytes = 16 << 10
	// Offsets in struct pthread: its own address, twice, and the ID of the thread
	// (nptl/descr.h, tcbhead_t of x86-64).
	selfOffset, selfAgain, idOffset = 0x00, 0x10, 0x2d0
)

// arenaThreads returns the pools of the threads that allocate from each arena: each thread
// has the address of its arena in a variable of its own (thread_arena of malloc/arena.c).
// Only what has the form of glibc's descriptor, with the ID of a thread, is believed.
func (p *process) arenaThreads(arenas map[uint64]bool) map[uint64][]string {
	list, err := threads.Read(p.target.Proc, p.target.PID)
	if err != nil || len(arenas) == 0 {
		return nil
	}
	pools := make(map[int]string, len(list))
	for _, t := range list {
		if id, ok := threads.OwnID(p.target.Proc, p.status, t); ok {
			pools[id] = jvm.Printable(threads.PoolName(t.Name), maxNameBytes)
		}
	}
	found := make(map[uint64]map[string]int)
	buf := make([]byte, threadBytes)
	for _, s := range p.stacks {
		if arena, id := p.threadArena(s, buf, arenas); arena != 0 && pools[id] != "" {
			if found[arena] == nil {
				found[arena] = make(map[string]int)
			}
			found[arena][pools[id]]++
		}
	}
	out := make(map[uint64][]string, len(found))
	for arena, counts := range found {
		out[arena] = slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
			return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
		})
	}
	return out
}

// threadArena finds the descriptor of the thread at the top of a stack, and which of the
// arenas its variables name; 0 if none.
func (p *process) threadArena(stack ranges.Range, buf []byte, arenas map[uint64]bool) (arena uint64, thread int) {
	start := max(stack.Start, stack.End-min(stack.End, threadBytes))
	buf = buf[:min(stack.End-start, threadBytes)]
	if !p.pages.Present(stack.End-1) || p.read(start, buf) < len(buf) {
		return 0, 0
	}
	word := func(at int) uint64 { return binary.LittleEndian.Uint64(buf[at:]) }
	for at := (len(buf) - idOffset - 8) &^ 63; at >= 0; at -= 64 {
		self := start + uint64(at)
		if word(at+selfOffset) != self || word(at+selfAgain) != self {
			continue
		}
		for below := at - 8; below >= 0; below -= 8 {
			if arenas[word(below)] {
				return word(below), int(binary.LittleEndian.Uint32(buf[at+idOffset:]))
			}
		}
		return 0, 0
	}
	return 0, 0
}

// threadsOf returns the pools of threads in whose arenas at least 90 % of the samples are.
func (r *references) threadsOf(g *grown) []string {
	counts := make(map[uint64]int)
	for _, s := range g.samples {
		counts[s.arena]++
	}
	arenas := slices.SortedFunc(maps.Keys(counts), func(a, b uint64) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	var pools []string
	covered := 0
	for _, a := range arenas {
		if 10*covered >= 9*len(g.samples) {
			break
		}
		covered += counts[a]
		if a == 0 || len(r.byArena[a]) == 0 {
			return nil
		}
		for _, pool := range r.byArena[a] {
			if !slices.Contains(pools, pool) {
				pools = append(pools, pool)
			}
		}
	}
	if len(pools) > maxThreadPools {
		return nil
	}
	return pools
}
