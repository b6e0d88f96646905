package evidence

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/evidence"
	"github.com/jvmem/jvmem/jvm/evidence/owners"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// maxTypes is how many types of class loaders or classes are listed.
const maxTypes = 8

// query queries one JVM. before is what it read earlier in the incident, if it did.
type query func(ctx context.Context, p *jvm.Process, before reading) (reading, error)

// reading is what a query read.
type reading struct {
	at    time.Time
	lines []string // for people
	// compared: lines are a difference over minApart or more.
	compared bool
	// What a later reading is compared with; nil: nothing.
	loaders *evidence.Loaders
	arenas  *evidence.Arenas
	owners  *owners.Report
	objects *evidence.Objects
	stacks  *evidence.Stacks
	sites   []nmt.CallSite
}

func (r *reading) comparable() bool {
	return r.loaders != nil || r.arenas != nil || r.owners != nil || r.objects != nil || r.stacks != nil || r.sites != nil
}

// since is the time between two readings.
func since(before reading) string { return time.Since(before.at).Round(time.Second).String() }

// queryFor returns the query for a finding; nil: there is none. A suspicion is worth what
// stops the JVM for one short safepoint at most, and a class histogram if the user enabled it.
func (c *Collector) queryFor(f *diagnosis.Finding, stage Stage) query {
	switch f.Verdict {
	case rows.VerdictClassLoader:
		return classLoaders
	case rows.VerdictDirectBuffers, rows.VerdictNativeUntracked, rows.VerdictUnexplained:
		return c.nativeMemory(c.oldestBaselines())
	case rows.VerdictAllocatorRetention:
		return nativeHeap
	case rows.VerdictJVMInternal, rows.VerdictGC:
		return internal(f.Subject)
	case rows.VerdictHeap:
		if c.allowed.Heap {
			return histogram
		}
	}
	if stage != Confirmed {
		return nil
	}
	switch f.Verdict {
	case rows.VerdictThreads:
		return poolStacks(f.Subject)
	case rows.VerdictHeapFull:
		return once(outOfMemoryErrors)
	}
	return nil
}

// once is a query whose answers are not compared.
func once(lines func(context.Context, *jvm.Process) ([]string, error)) query {
	return func(ctx context.Context, p *jvm.Process, _ reading) (reading, error) {
		text, err := lines(ctx, p)
		return reading{lines: text}, err
	}
}

func poolStacks(pool string) query {
	return func(ctx context.Context, p *jvm.Process, before reading) (reading, error) {
		stacks, err := evidence.PoolStacks(ctx, p, pool)
		if err != nil {
			return reading{}, err
		}
		return reading{lines: stackLines(stacks, before), stacks: stacks}, nil
	}
}

// stackLines describes the stack that at least half of the threads have that the pool
// gained; if there is none, that of most threads.
func stackLines(now *evidence.Stacks, before reading) []string {
	stack := now.Groups[0]
	gained := ""
	if was := before.stacks; was != nil && !was.Partial && !now.Partial && now.Threads > was.Threads {
		top := changes(now.Groups, was.Groups, stackOf, func(g evidence.Group, earlier *evidence.Group) evidence.Group {
			if earlier != nil {
				g.Sharing -= earlier.Sharing
			} else {
				g.Sharing -= was.Unlisted()
			}
			return g
		}, func(g evidence.Group) int64 { return int64(g.Sharing) })[0]
		if 2*top.gained.Sharing >= now.Threads-was.Threads {
			stack = top.now
			gained = fmt.Sprintf("%+d in %s, in which the pool gained %d", top.gained.Sharing, since(before), now.Threads-was.Threads)
			if top.was == nil && was.Unlisted() > 0 {
				gained = "at least " + gained
			}
			gained = ", " + gained
		}
	}
	states := make([]string, 0, len(now.States))
	for _, state := range slices.Sorted(maps.Keys(now.States)) {
		states = append(states, fmt.Sprintf("%s %d", state, now.States[state]))
	}
	lines := []string{fmt.Sprintf("%d of %d threads %s have this stack%s (%s):", stack.Sharing, now.Threads, stack.Name, gained, strings.Join(states, ", "))}
	for _, frame := range stack.Frames {
		lines = append(lines, "  at "+frame)
	}
	if more := stack.Depth - len(stack.Frames); more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", more))
	}
	return lines
}

// stackOf tells one stack from another.
func stackOf(g evidence.Group) string { return strings.Join(g.Frames, "\n") }

func classLoaders(ctx context.Context, p *jvm.Process, before reading) (reading, error) {
	loaders, err := evidence.ClassLoaders(ctx, p)
	if err != nil {
		return reading{}, err
	}
	return reading{lines: loaderLines(loaders, before), loaders: loaders}, nil
}

// loaderLines describes the types of class loaders, those that grew first.
func loaderLines(now *evidence.Loaders, before reading) []string {
	var earlier []dcmd.LoaderType
	if before.loaders != nil {
		earlier = before.loaders.Types
	}
	types := changes(now.Types, earlier, func(t dcmd.LoaderType) string { return t.Name }, func(t dcmd.LoaderType, was *dcmd.LoaderType) dcmd.LoaderType {
		if was == nil { // too few to be listed, or none
			return dcmd.LoaderType{}
		}
		return dcmd.LoaderType{
			Loaders: t.Loaders - was.Loaders, Classes: t.Classes + t.HiddenClasses - was.Classes - was.HiddenClasses, ChunkBytes: t.ChunkBytes - was.ChunkBytes,
		}
	}, func(t dcmd.LoaderType) int64 { return t.ChunkBytes })
	var lines []string
	for _, c := range types {
		t, g := c.now, c.gained
		line := fmt.Sprintf("%s %s with %d classes, %s of metaspace", count(t.Loaders, "class loader"), t.Name, t.Classes+t.HiddenClasses, breakdown.Size(&t.ChunkBytes))
		if g != (dcmd.LoaderType{}) {
			line += fmt.Sprintf(": %+d class loaders, %+d classes, %s in %s", g.Loaders, g.Classes, breakdown.SignedSize(g.ChunkBytes), since(before))
		}
		lines = append(lines, line)
	}
	return lines
}

func count(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func nativeHeap(ctx context.Context, p *jvm.Process, before reading) (reading, error) {
	heap, err := evidence.NativeHeap(ctx, p)
	if heap == nil {
		return reading{}, err
	}
	return reading{lines: []string{arenaLine(heap, before)}, arenas: heap}, err
}

// arenaLine describes malloc's memory.
func arenaLine(now *evidence.Arenas, before reading) string {
	was := before.arenas
	if was == nil || was.Source != now.Source {
		was = &evidence.Arenas{Arenas: now.Arenas}
	}
	changed := false
	with := func(now, was *int64) string {
		text := breakdown.Size(now)
		if was != nil && *was != *now {
			changed = true
			text += " (" + breakdown.SignedSize(*now-*was) + ")"
		}
		return text
	}
	line := fmt.Sprintf("malloc has %d arenas", now.Arenas)
	if n := now.Arenas - was.Arenas; n != 0 {
		changed = true
		line += fmt.Sprintf(" (%+d)", n)
	}
	if now.InUseBytes != nil {
		line += ", in use " + with(now.InUseBytes, was.InUseBytes)
	}
	if now.FreeBytes != nil {
		line += ", freed and kept " + with(now.FreeBytes, was.FreeBytes)
	}
	if now.MmapChunks != nil {
		line += fmt.Sprintf(", %d chunks mapped individually", *now.MmapChunks)
		if now.MmapBytes != nil {
			line += " with " + with(now.MmapBytes, was.MmapBytes)
		}
	}
	if changed {
		line += "; change in " + since(before)
	}
	return line
}

func outOfMemoryErrors(ctx context.Context, p *jvm.Process) ([]string, error) {
	errors, err := evidence.OutOfMemoryErrors(ctx, p)
	if err != nil {
		return nil, err
	}
	if len(errors) == 0 {
		return []string{"no OutOfMemoryError was thrown so far"}, nil
	}
	var lines []string
	for _, e := range errors {
		lines = append(lines, fmt.Sprintf("%d × java.lang.OutOfMemoryError (%s) since the JVM started; the JVM goes on", e.Count, e.Space))
	}
	return lines, nil
}
