package sidecar

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/evidence"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
	"github.com/jvmem/jvmem/sidecar/sample"
)

// EvidenceHeap is the evidence that stops the JVM, and so must be asked for.
const EvidenceHeap = "heap"

// minHistogramRoom is what must be left to the limit for a class histogram: the JVM
// needs some MiB for it.
const minHistogramRoom = 64 << 20

// maxFailureBytes bounds what is told of a question that failed.
const maxFailureBytes = 500

// gather asks the JVMs of a container for what supports a verdict. nil: there is
// nothing to ask for.
func gather(ctx context.Context, s *sample.Sampler, c *breakdown.Container, f *diagnosis.Finding, stop bool) *diagnosis.Gathered {
	var question func(*jvm.Process) ([]string, error)
	switch f.Verdict {
	case rows.VerdictThreads:
		question = func(p *jvm.Process) ([]string, error) { return stackEvidence(ctx, p, f.Subject) }
	case rows.VerdictClassLoader:
		question = func(p *jvm.Process) ([]string, error) { return loaderEvidence(ctx, p) }
	case rows.VerdictDirectBuffers, rows.VerdictNativeUntracked, rows.VerdictAllocatorRetention:
		question = func(p *jvm.Process) ([]string, error) { return arenaEvidence(ctx, p) }
	case rows.VerdictHeap:
		if !stop {
			return nil
		}
		if c.HeadroomBytes != nil && *c.HeadroomBytes < minHistogramRoom {
			return &diagnosis.Gathered{Time: time.Now().UTC(), Failed: "no class histogram: the JVM needs some MiB for it, and the limit is near"}
		}
		question = func(p *jvm.Process) ([]string, error) { return histogramEvidence(ctx, p) }
	default:
		return nil
	}
	g := &diagnosis.Gathered{Time: time.Now().UTC()}
	for i := range c.JVMs {
		p := s.JVM(c.JVMs[i].PID)
		if p == nil {
			continue
		}
		lines, err := question(p)
		g.Text = append(g.Text, lines...)
		if err != nil {
			g.Failed = strings.TrimPrefix(g.Failed+"; "+jvm.Printable(err.Error(), maxFailureBytes), "; ")
		}
	}
	return g
}

func stackEvidence(ctx context.Context, p *jvm.Process, pool string) ([]string, error) {
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

// mostTypes is how many types of loaders or classes are told.
const mostTypes = 8

func loaderEvidence(ctx context.Context, p *jvm.Process) ([]string, error) {
	loaders, err := evidence.ClassLoaders(ctx, p)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, t := range loaders.Types[:min(len(loaders.Types), mostTypes)] {
		lines = append(lines, fmt.Sprintf("%d class loaders %s with %d classes, %s of metaspace", t.Loaders, t.Name, t.Classes+t.HiddenClasses, breakdown.Size(&t.ChunkBytes)))
	}
	return lines, nil
}

func arenaEvidence(ctx context.Context, p *jvm.Process) ([]string, error) {
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
		line += fmt.Sprintf(", %d chunks mapped by themselves", *heap.MmapChunks)
		if heap.MmapBytes != nil {
			line += " with " + breakdown.Size(heap.MmapBytes)
		}
	}
	return []string{line}, err
}

func histogramEvidence(ctx context.Context, p *jvm.Process) ([]string, error) {
	histogram, err := evidence.Histogram(ctx, p)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, c := range histogram.Classes[:min(len(histogram.Classes), mostTypes)] {
		lines = append(lines, fmt.Sprintf("%d × %s, %s", c.Instances, c.Name, breakdown.Size(&c.Bytes)))
	}
	return lines, nil
}
