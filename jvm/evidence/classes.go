package evidence

import (
	"context"
	"slices"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/dcmd"
)

const (
	topLoaders    = 10 // by bytes, and as many by count
	topClasses    = 20
	maxClassBytes = 200 // of a class's name
)

// Loaders reports which class loaders use metaspace.
type Loaders struct {
	// Types are the ten with the most bytes and the ten with the most loaders, sorted by
	// bytes.
	Types []dcmd.LoaderType `json:"types"`
	// Total is over all types; nil if the end of the reply is missing. The numbers
	// of Types are too small then.
	Total *dcmd.LoaderType `json:"total"`
}

// ClassLoaders queries the class loaders. It takes one safepoint.
func ClassLoaders(ctx context.Context, p *jvm.Process) (*Loaders, error) {
	text, _, err := send(ctx, p, attach.ClassLoaderStats)
	if err != nil {
		return nil, err
	}
	stats, err := dcmd.ParseClassLoaderStats(text)
	if err != nil {
		return nil, notParsed(p, attach.ClassLoaderStats, err)
	}
	return &Loaders{Types: topTypes(stats.Types), Total: stats.Total}, nil
}

// topTypes selects from types, which are sorted by bytes.
func topTypes(types []dcmd.LoaderType) []dcmd.LoaderType {
	byCount := slices.Clone(types)
	slices.SortStableFunc(byCount, func(a, b dcmd.LoaderType) int { return int(min(1, max(-1, b.Loaders-a.Loaders))) })
	byCount = byCount[:min(topLoaders, len(byCount))]
	top := []dcmd.LoaderType{}
	for i, t := range types {
		if i < topLoaders || slices.ContainsFunc(byCount, func(c dcmd.LoaderType) bool { return c.Name == t.Name }) {
			t.Name = jvm.Printable(t.Name, maxClassBytes)
			top = append(top, t)
		}
	}
	return top
}

// Objects reports which classes' objects fill the heap.
type Objects struct {
	// Classes are the twenty with the most bytes.
	Classes []dcmd.ClassCount `json:"classes"`
	// Total is over all classes; nil if the end of the reply is missing.
	Total *dcmd.ClassCount `json:"total"`
	// Unreachable: unreachable objects are counted too; nil if the collector
	// is unknown.
	Unreachable *bool `json:"unreachable"`
}

// Histogram counts the objects of each class. It STOPS THE APPLICATION while every
// object of the heap is visited: call it only if the user has enabled it.
func Histogram(ctx context.Context, p *jvm.Process) (*Objects, error) {
	session, err := p.Session()
	if err != nil {
		return nil, err
	}
	text, _, err := send(ctx, p, attach.ClassHistogram)
	if err != nil {
		return nil, err
	}
	h, err := dcmd.ParseHistogram(text, topClasses)
	if err != nil {
		return nil, notParsed(p, attach.ClassHistogram, err)
	}
	for i := range h.Classes {
		h.Classes[i].Name = jvm.Printable(h.Classes[i].Name, maxClassBytes)
	}
	out := &Objects{Classes: h.Classes, Total: h.Total}
	if session.Collector != "" {
		// These two visit the heap from its roots, the others from end to end.
		out.Unreachable = new(session.Collector != "ZGC" && session.Collector != "Shenandoah")
	}
	return out, nil
}
