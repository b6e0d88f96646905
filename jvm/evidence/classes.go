package evidence

import (
	"context"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/evidence/cause"
)

const (
	topLoaders    = 10     // by bytes, and as many by count
	topClasses    = 500    // so many that one that grows is in an earlier histogram, too
	maxClassRows  = 20_000 // that are read
	maxClassBytes = 200    // of a class's name
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
			t.Name = strings.Clone(jvm.Printable(t.Name, maxClassBytes)) // the reply is not kept
			top = append(top, t)
		}
	}
	return top
}

// Objects reports which classes' objects fill the heap.
type Objects struct {
	// Classes are the 500 with the most bytes; those of the same name, of several loaders,
	// are one.
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
	h, err := classHistogram(ctx, p, attach.ClassHistogram)
	if err != nil {
		return nil, err
	}
	out := &Objects{Classes: topObjects(h.Classes), Total: h.Total}
	if session.Collector != "" {
		// These two visit the heap from its roots, the others from end to end.
		out.Unreachable = new(session.Collector != "ZGC" && session.Collector != "Shenandoah")
	}
	return out, nil
}

func classHistogram(ctx context.Context, p *jvm.Process, command attach.Command) (h dcmd.Histogram, err error) {
	text, _, err := send(ctx, p, command)
	if err != nil {
		return h, err
	}
	if h, err = dcmd.ParseHistogram(text, maxClassRows); err != nil {
		return h, notParsed(p, command, err)
	}
	return h, nil
}

// live is the bytes and the number of the live objects by class, and the bytes of all.
type live struct {
	bytes, instances map[string]int64
	all              int64
}

// countLive RUNS A FULL COLLECTION, which stops the application for 0.4 s with 150 MiB of live
// objects, 1.6 s with 700.
func countLive(ctx context.Context, p *jvm.Process) (*live, error) {
	h, err := classHistogram(ctx, p, attach.CountLive)
	if err != nil {
		return nil, err
	}
	l := &live{bytes: make(map[string]int64), instances: make(map[string]int64)}
	for _, c := range h.Classes {
		name := strings.Clone(c.Name) // the reply is not kept
		l.bytes[name] += c.Bytes
		l.instances[name] += c.Instances
		l.all += c.Bytes
	}
	return l, nil
}

// gains returns what is live now and was not before; nil if it is not known.
func (l *live) gains(before *live, began time.Time) *cause.Gains {
	if l == nil {
		return nil
	}
	g := &cause.Gains{Began: began, Bytes: l.bytes, Instances: l.instances, Total: l.all - before.all}
	for class, bytes := range before.bytes {
		g.Bytes[class] -= bytes
		g.Instances[class] -= before.instances[class]
	}
	return g
}

// topObjects adds up the classes of the same name, and selects those with the most bytes.
func topObjects(rows []dcmd.ClassCount) []dcmd.ClassCount {
	index := make(map[string]int)
	var all []dcmd.ClassCount
	for _, c := range rows {
		i, ok := index[c.Name]
		if !ok {
			index[c.Name] = len(all)
			all = append(all, c)
			continue
		}
		all[i].Instances += c.Instances
		all[i].Bytes += c.Bytes
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Bytes > all[j].Bytes })
	top := slices.Clone(all[:min(len(all), topClasses)])
	for i := range top {
		top[i].Name = strings.Clone(jvm.Printable(top[i].Name, maxClassBytes)) // the reply is not kept
	}
	return top
}

// Unlisted returns the most bytes that a class that is not in Classes can have; 0: all are
// in it.
func (o *Objects) Unlisted() int64 {
	var listed int64
	for _, c := range o.Classes {
		listed += c.Bytes
	}
	if len(o.Classes) == 0 || o.Total != nil && o.Total.Bytes == listed {
		return 0
	}
	return o.Classes[len(o.Classes)-1].Bytes
}
