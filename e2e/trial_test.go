package e2e

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/jvmem/jvmem/e2e/result"
	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// limits are the allowed errors of a row.
type limits struct {
	share float64 // of the amount
	slack int64   // bytes
	// unknown are the rows that no source reports.
	unknown []string
}

// trial grows one kind of memory at a time by a known amount.
type trial struct {
	t       *testing.T
	w       *workload
	s       *podSidecar
	limits  limits
	growths []growth
	// commits is true for ZGC: its heap is charged when it is committed, in pages of
	// 2 MiB and more, so the committed size that it reports is the known amount.
	commits bool
	steps   []result.Step
}

// run checks that the right row grows by each amount and no other does, that the rows add
// up to usage each time, and that freed memory disappears. It returns the breakdown with
// all memory grown.
func (tr *trial) run() *sidecar.Container {
	tr.t.Helper()
	// The first use of each command loads classes and reads their files.
	for _, g := range tr.growths {
		tr.w.do(g.warmup())
	}
	if tr.commits {
		tr.w.do("gc") // ZGC allocates its mark stacks in the first cycle
	}
	tr.w.do("report")
	// On a busy machine the first handshake may fail; jvmem retries a minute later.
	tr.s.AwaitBreakdown("all rows known that can be", func(b *sidecar.Breakdown) bool {
		return len(b.Containers) == 1 && len(b.Containers[0].Unknown()) <= len(tr.limits.unknown)
	})
	before := tr.sample("before")
	start, heap := before, tr.heapCommitted()
	for _, g := range tr.growths {
		reply := tr.w.do(g.command)
		grew := tr.heapCommitted() - heap
		heap += grew
		after := tr.sample(g.command)
		tr.compare(g, reply, grew, before, after)
		before = after
	}
	grown := before
	for _, g := range tr.growths {
		for _, command := range g.free {
			tr.w.do(command)
		}
	}
	freed := tr.sample("free")
	for range walks { // what is not reported is seen when malloc's blocks are walked through, after a sample
		if !slices.ContainsFunc(tr.freed(grown, freed), tr.remains) {
			break
		}
		freed = tr.sample("free")
	}
	tr.checkFreed(start, grown, freed)
	return grown
}

// heapCommitted returns the committed size that ZGC reports, 0 for other collectors.
func (tr *trial) heapCommitted() int64 {
	if !tr.commits {
		return 0
	}
	return jvmtest.Numbers(tr.w.do("report"))["heap_committed_bytes"]
}

// sample returns the next breakdown after checking it.
func (tr *trial) sample(when string) *sidecar.Container {
	tr.t.Helper()
	r := tr.s.NextBreakdown()
	c := r.Only(tr.t)
	checkContainer(tr.t, when, tr.w, c)
	if unknown := c.Unknown(); !slices.Equal(unknown, tr.limits.unknown) {
		tr.t.Errorf("%s: rows %v are null, want %v\n%v", when, unknown, tr.limits.unknown, c)
	}
	for _, name := range c.Unknown() {
		if !explained(c.Sources, name) {
			tr.t.Errorf("%s: no source explains why %s is null\n%v", when, name, c)
		}
	}
	return c
}

// compare checks that one row grew by the wanted amount and no other did. committed is the
// growth of ZGC's heap meanwhile.
func (tr *trial) compare(g growth, reply string, committed int64, before, after *sidecar.Container) {
	tr.t.Helper()
	step := result.Step{Command: g.command, Row: g.row}
	if was, is := before.Row(g.row).Bytes, after.Row(g.row).Bytes; was != nil && is != nil {
		step.Got = *is - *was
	} else {
		tr.t.Errorf("%s: %s is null\nbefore %v after %v", g.command, g.row, before, after)
	}
	step.Want = g.amount(tr.t, reply, step.Got)
	if len(after.Unknown()) == 0 {
		step.Unattributed = after.UnattributedBytes
	}
	slack := tr.limits.slack + g.slack
	if tr.commits && g.row == "heap" {
		if committed < step.Want {
			tr.t.Errorf("%s: the heap's committed size grew by %d", g.command, committed)
		}
		step.Want = committed
		slack += 4 * mib // committed since the report
	}
	tolerance := int64(math.Round(float64(step.Want)*tr.limits.share)) + slack
	for i := range after.Memory {
		was, is := &before.Memory[i], &after.Memory[i]
		if was.Bytes == nil || is.Bytes == nil {
			continue
		}
		grew := *is.Bytes - *was.Bytes
		switch {
		case is.Name == g.row:
			if abs(grew-step.Want) > tolerance {
				tr.t.Errorf("%s: %s %s, want %s ± %s\nbefore %v after %v", g.command, is.Name, inMiB(grew),
					inMiB(step.Want), inMiB(tolerance), before, after)
			}
			continue
		case slices.Contains(g.also, is.Name):
			continue
		}
		most := int64(2 * mib)
		switch is.Name {
		case "heap": // objects of the workload itself
			grew, most = grew-committed, 4*mib
		case "page_cache": // also mapped by the JVM of another test that has ended
			grew += min(0, *after.Row("libraries").Bytes-*before.Row("libraries").Bytes)
		}
		if grew > most {
			tr.t.Errorf("%s: %s %s, want no more than %s\nbefore %v after %v", g.command, is.Name, inMiB(grew), inMiB(most), before, after)
		}
		if abs(grew) > abs(step.OtherGot) {
			step.Other, step.OtherGot = is.Name, grew
		}
	}
	tr.steps = append(tr.steps, step)
	tr.t.Logf("%-26s %-15s %s of %s, unattributed %s; also %s %s", g.command, g.row, inMiB(step.Got), inMiB(step.Want),
		sidecar.KiB(after.UnattributedBytes), step.Other, inMiB(step.OtherGot))
}

// walks is how many samples may follow until what was freed is seen.
const walks = 3

// freed returns what was freed of each row, and should be.
func (tr *trial) freed(grown, freed *sidecar.Container) (steps []result.Step) {
	for _, name := range sidecar.RowNames() {
		var want int64
		for i, g := range tr.growths {
			if g.row == name && g.free != nil {
				want -= tr.steps[i].Want
			}
		}
		was, ok := inUse(grown.Row(name))
		is, known := inUse(freed.Row(name))
		if want != 0 && ok && known {
			steps = append(steps, result.Step{Command: "free", Row: name, Want: want, Got: is - was})
		}
	}
	return steps
}

// remains reports whether less than 80 % of the freed memory is no longer in use.
func (tr *trial) remains(step result.Step) bool { return step.Got > step.Want*8/10+tr.limits.slack }

// checkFreed checks what was freed.
func (tr *trial) checkFreed(start, grown, freed *sidecar.Container) {
	tr.t.Helper()
	for _, step := range tr.freed(grown, freed) {
		tr.steps = append(tr.steps, step)
		tr.t.Logf("%-26s %-15s %s of %s", "free", step.Row, inMiB(step.Got), inMiB(step.Want))
		if tr.remains(step) {
			tr.t.Errorf("free: %s in use %s, want %s\nstart %v grown %v freed %v", step.Row, inMiB(step.Got), inMiB(step.Want), start, grown, freed)
		}
	}
}

// inUse returns the size of a row without freed memory that its allocator retains; ok is
// false if that is unknown.
func inUse(r *sidecar.Row) (bytes int64, ok bool) {
	switch r.Name {
	case "heap", "code_cache":
		if r.UsedBytes == nil {
			return 0, false
		}
		return *r.UsedBytes, true
	case "native":
		retained := r.Part("allocator_retained")
		if r.Bytes == nil || retained.Bytes == nil {
			return 0, false
		}
		return *r.Bytes - *retained.Bytes, true
	}
	if r.Bytes == nil {
		return 0, false
	}
	return *r.Bytes, true
}

func inMiB(bytes int64) string { return fmt.Sprintf("%+.2f", float64(bytes)/mib) }

func abs(n int64) int64 { return max(n, -n) }
