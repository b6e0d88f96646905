package jvm

import (
	"context"
	"slices"

	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/dcmd"
)

const (
	topLoaders    = 10 // by bytes, and as many by count
	topClasses    = 20
	maxClassBytes = 200 // of a class's name
)

// ClassLoaders is which class loaders hold metaspace.
type ClassLoaders struct {
	// Types are those with the most bytes and those with the most loaders, sorted by
	// bytes.
	Types []dcmd.LoaderType `json:"types"`
	// Total is over all types; nil if the end of the reply is missing. The numbers
	// of Types are too small then.
	Total *dcmd.LoaderType `json:"total"`
}

// ClassLoaders asks which class loaders there are. It takes one safepoint.
func (p *Process) ClassLoaders(ctx context.Context) (*ClassLoaders, error) {
	text, _, err := p.demand(ctx, attach.ClassLoaderStats)
	if err != nil {
		return nil, err
	}
	stats, err := dcmd.ParseClassLoaderStats(text)
	if err != nil {
		return nil, p.notUnderstood(attach.ClassLoaderStats, err)
	}
	return &ClassLoaders{Types: topTypes(stats.Types), Total: stats.Total}, nil
}

// topTypes picks from types, which are sorted by bytes.
func topTypes(types []dcmd.LoaderType) []dcmd.LoaderType {
	byCount := slices.Clone(types)
	slices.SortStableFunc(byCount, func(a, b dcmd.LoaderType) int { return int(min(1, max(-1, b.Loaders-a.Loaders))) })
	byCount = byCount[:min(topLoaders, len(byCount))]
	top := []dcmd.LoaderType{}
	for i, t := range types {
		if i < topLoaders || slices.ContainsFunc(byCount, func(c dcmd.LoaderType) bool { return c.Name == t.Name }) {
			t.Name = Printable(t.Name, maxClassBytes)
			top = append(top, t)
		}
	}
	return top
}

// Histogram is which classes' objects fill the heap.
type Histogram struct {
	// Classes are the twenty with the most bytes.
	Classes []dcmd.ClassCount `json:"classes"`
	// Total is over all classes; nil if the end of the reply is missing.
	Total *dcmd.ClassCount `json:"total"`
	// Unreachable tells whether objects count that nobody uses any more; nil if the
	// collector is not known.
	Unreachable *bool `json:"unreachable"`
}

// Histogram counts the objects of each class. It STOPS THE APPLICATION for as long
// as it takes to look at every object of the heap: only for a user who asked.
func (p *Process) Histogram(ctx context.Context) (*Histogram, error) {
	text, _, err := p.demand(ctx, attach.ClassHistogram)
	if err != nil {
		return nil, err
	}
	h, err := dcmd.ParseHistogram(text, topClasses)
	if err != nil {
		return nil, p.notUnderstood(attach.ClassHistogram, err)
	}
	for i := range h.Classes {
		h.Classes[i].Name = Printable(h.Classes[i].Name, maxClassBytes)
	}
	out := &Histogram{Classes: h.Classes, Total: h.Total}
	if p.collector != "" {
		// These two walk the heap from its roots, the others from end to end.
		out.Unreachable = new(p.collector != "ZGC" && p.collector != "Shenandoah")
	}
	return out, nil
}
