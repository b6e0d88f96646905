package evidence

import (
	"cmp"
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
	// What a later reading is compared with; nil: nothing.
	loaders *evidence.Loaders
	arenas  *evidence.Arenas
	owners  *owners.Report
}

func (r *reading) comparable() bool { return r.loaders != nil || r.arenas != nil || r.owners != nil }

// since is the time between two readings.
func since(before reading) string { return time.Since(before.at).Round(time.Second).String() }

// queryFor returns the query for a finding; nil: there is none. A suspicion is worth what
// stops the JVM for one short safepoint at most.
func (c *Collector) queryFor(f *diagnosis.Finding, stage Stage) query {
	switch f.Verdict {
	case rows.VerdictClassLoader:
		return classLoaders
	case rows.VerdictDirectBuffers, rows.VerdictNativeUntracked, rows.VerdictUnexplained:
		return c.nativeMemory(c.oldestBaselines())
	case rows.VerdictAllocatorRetention:
		return nativeHeap
	}
	if stage == Suspected {
		return nil
	}
	switch f.Verdict {
	case rows.VerdictThreads:
		return once(func(ctx context.Context, p *jvm.Process) ([]string, error) { return poolStack(ctx, p, f.Subject) })
	case rows.VerdictHeapFull:
		return once(outOfMemoryErrors)
	case rows.VerdictHeap:
		if c.allowed.Heap {
			return once(histogram)
		}
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

func poolStack(ctx context.Context, p *jvm.Process, pool string) ([]string, error) {
	stack, err := evidence.PoolStack(ctx, p, pool)
	if err != nil {
		return nil, err
	}
	states := make([]string, 0, len(stack.States))
	for _, state := range slices.Sorted(maps.Keys(stack.States)) {
		states = append(states, fmt.Sprintf("%s %d", state, stack.States[state]))
	}
	lines := []string{fmt.Sprintf("%d of %d threads %s have this stack (%s):", stack.Sharing, stack.Threads, stack.Name, strings.Join(states, ", "))}
	for _, frame := range stack.Frames {
		lines = append(lines, "  at "+frame)
	}
	if more := stack.Depth - len(stack.Frames); more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", more))
	}
	return lines, nil
}

func classLoaders(ctx context.Context, p *jvm.Process, before reading) (reading, error) {
	loaders, err := evidence.ClassLoaders(ctx, p)
	if err != nil {
		return reading{}, err
	}
	return reading{lines: loaderLines(loaders, before), loaders: loaders}, nil
}

// loaderLines describes the types of class loaders, those that grew first.
func loaderLines(now *evidence.Loaders, before reading) []string {
	earlier := make(map[string]dcmd.LoaderType)
	if before.loaders != nil {
		for _, t := range before.loaders.Types {
			earlier[t.Name] = t
		}
	}
	types := slices.Clone(now.Types)
	gained := func(t dcmd.LoaderType) dcmd.LoaderType {
		was, ok := earlier[t.Name]
		if !ok { // too few to be listed, or none
			return dcmd.LoaderType{}
		}
		return dcmd.LoaderType{
			Loaders: t.Loaders - was.Loaders, Classes: t.Classes + t.HiddenClasses - was.Classes - was.HiddenClasses, ChunkBytes: t.ChunkBytes - was.ChunkBytes,
		}
	}
	slices.SortStableFunc(types, func(a, b dcmd.LoaderType) int { return cmp.Compare(gained(b).ChunkBytes, gained(a).ChunkBytes) })
	var lines []string
	for _, t := range types[:min(len(types), maxTypes)] {
		line := fmt.Sprintf("%s %s with %d classes, %s of metaspace", count(t.Loaders, "class loader"), t.Name, t.Classes+t.HiddenClasses, breakdown.Size(&t.ChunkBytes))
		if g := gained(t); g != (dcmd.LoaderType{}) {
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

func histogram(ctx context.Context, p *jvm.Process) ([]string, error) {
	h, err := evidence.Histogram(ctx, p)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, c := range h.Classes[:min(len(h.Classes), maxTypes)] {
		lines = append(lines, fmt.Sprintf("%d × %s, %s", c.Instances, c.Name, breakdown.Size(&c.Bytes)))
	}
	return lines, nil
}
