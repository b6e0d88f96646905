package evidence

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/evidence"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// maxTypes is how many types of class loaders or classes are listed.
const maxTypes = 8

// query queries one JVM, and returns the answer as lines for people.
type query func(context.Context, *jvm.Process) ([]string, error)

// queryFor returns the query for a finding; nil: there is none.
func (c *Collector) queryFor(f *diagnosis.Finding) query {
	switch f.Verdict {
	case rows.VerdictThreads:
		return func(ctx context.Context, p *jvm.Process) ([]string, error) { return poolStack(ctx, p, f.Subject) }
	case rows.VerdictClassLoader:
		return classLoaders
	case rows.VerdictDirectBuffers, rows.VerdictNativeUntracked, rows.VerdictAllocatorRetention:
		return nativeHeap
	case rows.VerdictHeapFull:
		return outOfMemoryErrors
	case rows.VerdictHeap:
		if c.heap {
			return histogram
		}
	}
	return nil
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

func classLoaders(ctx context.Context, p *jvm.Process) ([]string, error) {
	loaders, err := evidence.ClassLoaders(ctx, p)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, t := range loaders.Types[:min(len(loaders.Types), maxTypes)] {
		lines = append(lines, fmt.Sprintf("%d class loaders %s with %d classes, %s of metaspace", t.Loaders, t.Name, t.Classes+t.HiddenClasses, breakdown.Size(&t.ChunkBytes)))
	}
	return lines, nil
}

func nativeHeap(ctx context.Context, p *jvm.Process) ([]string, error) {
	heap, err := evidence.NativeHeap(ctx, p)
	if heap == nil {
		return nil, err
	}
	line := fmt.Sprintf("malloc has %d arenas", heap.Arenas)
	if heap.InUseBytes != nil {
		line += ", in use " + breakdown.Size(heap.InUseBytes)
	}
	if heap.FreeBytes != nil {
		line += ", freed and kept " + breakdown.Size(heap.FreeBytes)
	}
	if heap.MmapChunks != nil {
		line += fmt.Sprintf(", %d chunks mapped individually", *heap.MmapChunks)
		if heap.MmapBytes != nil {
			line += " with " + breakdown.Size(heap.MmapBytes)
		}
	}
	return []string{line}, err
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
