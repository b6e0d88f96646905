package jvm

import (
	"slices"

	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/proc"
)

// recountEvery is after how many samples the pages are counted anew, whatever is told:
// memory of one kind may become as much less as another becomes more.
const recountEvery = 30

// counted is what the last Walk counted, and what others told at that time.
type counted struct {
	facts   Facts
	sources []Source      // of the walk
	stacks  map[int]int64 // bytes, by thread
	status  proc.Status
	started *int64 // as Process.started; nil: not known, or not wholly counted
	reused  int
}

// Steady adds to f what the last Walk counted, without a look at the pages, if by all
// that the last Ask learnt none of it has moved by more than tolerance bytes: what
// is resident by the kernel's counters, and what NMT tracks. Of threads that started
// since then the stack is not known. If it returns false nothing is added: Walk.
// Without NMT nobody tells how much moves from one kind of memory to another: then it
// is always false.
func (p *Process) Steady(f *Facts, tolerance int64) bool {
	c := &p.counted
	was, now := &c.status, &p.status
	if c.started == nil || c.facts.Report == nil || f.Report == nil || p.young() {
		return false
	}
	moved := slices.ContainsFunc([][2]int64{
		{was.RssAnonBytes, now.RssAnonBytes}, {was.RssFileBytes, now.RssFileBytes}, {was.RssShmemBytes, now.RssShmemBytes},
		{was.SwapBytes, now.SwapBytes}, {was.PageTablesBytes, now.PageTablesBytes},
		{trackedBytes(c.facts.Report), trackedBytes(f.Report)},
	}, func(pair [2]int64) bool { return distance(pair[0], pair[1]) > tolerance })
	if moved || !sameMappings(c.facts.Report, f.Report, tolerance) {
		return false
	}
	if c.reused++; c.reused >= recountEvery {
		return false
	}
	threads := Facts{Threads: c.facts.Threads}
	if !p.sameThreads || was.Threads != now.Threads {
		if p.walkThreads(&threads, c.stacks) != nil {
			return false
		}
	}
	f.Resident, f.SwapBytes, f.HeapFileBytes = c.facts.Resident, c.facts.SwapBytes, c.facts.HeapFileBytes
	f.Ranges, f.Named, f.Threads = c.facts.Ranges, c.facts.Named, threads.Threads
	f.Sources = append(f.Sources, c.sources...)
	return true
}

// sameMappings reports whether HotSpot has as much mapped for each purpose as before.
func sameMappings(was, now *nmt.Report, tolerance int64) bool {
	return slices.EqualFunc(was.Categories, now.Categories, func(a, b nmt.Category) bool {
		return a.Name == b.Name && distance(a.MmapCommittedBytes, b.MmapCommittedBytes) <= tolerance &&
			distance(a.StackCommittedBytes, b.StackCommittedBytes) <= tolerance
	})
}
