package cause

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm/jfr"
)

// Gains is what the live objects gained while it was recorded.
type Gains struct {
	// Began is when the recording had begun: a file that begins later lacks allocations.
	Began time.Time
	// Bytes of each class, by its name in a class histogram, and of all classes.
	Bytes map[string]int64
	Total int64
	// Instances of each class.
	Instances map[string]int64
}

// of returns the gains of owners, and of the shared objects that may belong to them.
func (g *Gains) of(owners, shared []string) *Gains {
	some := &Gains{Began: g.Began, Bytes: make(map[string]int64), Instances: make(map[string]int64)}
	var most int64
	for _, class := range owners {
		some.Bytes[class], some.Instances[class] = g.Bytes[class], g.Instances[class]
		some.Total += g.Bytes[class]
		most = max(most, g.Instances[class])
	}
	for _, class := range shared {
		if n := g.Instances[class]; n > 0 {
			bytes := int64(float64(g.Bytes[class]) * float64(min(n, most)) / float64(n))
			some.Bytes[class] = bytes
			some.Total += bytes
		}
	}
	return some
}

// String lists the classes of which there are more objects: "+800 java.util.zip.Deflater".
func (g *Gains) String() string {
	var list []string
	for _, class := range slices.Sorted(maps.Keys(g.Instances)) {
		if n := g.Instances[class]; n > 0 {
			list = append(list, fmt.Sprintf("%+d %s", n, class))
		}
	}
	return strings.Join(list, ", ")
}

const (
	// stays is the least part of what a class allocated that must be among what the live
	// objects gained: then the line that allocates nearly all of it is the one that leaks.
	stays = 0.5
	// allocatesMost is the least part of a class that the line must allocate.
	allocatesMost = 0.8
	// minGain is the least gain of all live objects, in bytes: less is what a JVM loads late. Of
	// the owners of other memory, which are small, it is minOwners.
	minGain, minOwners = 1 << 20, 8 << 10
	// leastGain is the least part of the whole gain that a line must explain, possibleGain the
	// least that it may explain with what it allocates of classes of which most is garbage.
	leastGain, possibleGain = 0.1, 0.5
	// ahead is how many times more than the next line the first must explain.
	ahead = 2
	// maxAllocated bounds the classes whose allocations are counted.
	maxAllocated = 1 << 14
)

// allocations estimates how much of each class is allocated where.
type allocations struct {
	classes map[string]map[place]weight
	sites   map[place]*site
}

// place is a line of a file. What a lambda and the method around it allocate in one line is of
// one place. The zero value: no line.
type place struct {
	class string // the outermost
	line  int
}

// weight is of sampled allocations: each stands for what was allocated since the one before.
type weight struct {
	samples int
	bytes   int64
}

func (w weight) plus(more weight) weight {
	return weight{w.samples + more.samples, w.bytes + more.bytes}
}

// add counts an event of an allocation. at is nil if no line of code leads to it.
func (a *allocations) add(e *jfr.Event, at *site) {
	field := "weight"
	switch e.Type() {
	case inNewTLAB:
		field = "tlabSize"
	case outsideTLAB:
		field = "allocationSize"
	}
	if bytes, ok := e.Field(field).Int(); ok && bytes > 0 {
		a.count(e.Field("objectClass").ClassName(), at, weight{1, bytes})
	}
}

func (a *allocations) count(class string, at *site, w weight) {
	if a.classes == nil {
		a.classes, a.sites = make(map[string]map[place]weight), make(map[place]*site)
	}
	by := a.classes[class]
	if by == nil {
		if class == "" || len(a.classes) >= maxAllocated {
			return
		}
		by = make(map[place]weight)
		a.classes[class] = by
	}
	var where place
	if at != nil {
		class, _, _ := strings.Cut(at.line.Class, "$")
		where = place{class, at.line.Line}
		if known := a.sites[where]; known == nil || strings.HasPrefix(known.line.Method, "lambda$") {
			a.sites[where] = at
		}
	}
	by[where] = by[where].plus(w)
}

// explained is what a line explains of the gain.
type explained struct {
	site             *site
	samples          int
	gained, possible int64 // bytes
}

// judge names the line whose objects stay. Of a class of which most is garbage, it is unknown
// which line's objects stay: it does not count.
func (a *allocations) judge(f *Finding, gains *Gains, least int64) {
	lines := make(map[place]*explained)
	possible := make(map[place]int64)
	for class, by := range a.classes {
		var all, most weight
		var first place
		for where, w := range by {
			all = all.plus(w)
			if w.bytes > most.bytes {
				first, most = where, w
			}
		}
		at, gained := a.sites[first], gains.Bytes[class]
		if at == nil || float64(gained) < stays*float64(all.bytes) || float64(most.bytes) < allocatesMost*float64(all.bytes) {
			for where, w := range by {
				possible[where] += min(max(gained, 0), w.bytes)
			}
			continue
		}
		if lines[first] == nil {
			lines[first] = &explained{site: at}
		}
		lines[first].samples += all.samples
		lines[first].gained += gained
		count(at.what, class, int(gained))
	}
	for where, l := range lines {
		l.possible = l.gained + possible[where]
	}
	ranked := make([]*explained, 0, len(lines))
	for _, l := range lines {
		ranked = append(ranked, l)
	}
	slices.SortFunc(ranked, func(x, y *explained) int {
		return cmp.Or(cmp.Compare(y.gained, x.gained), cmp.Compare(x.site.line.String(), y.site.line.String()))
	})
	if reason := f.nameGain(gains, ranked, least); reason != "" {
		f.Reason += ", and " + reason
	}
}

// nameGain names the first line, or returns why not.
func (f *Finding) nameGain(gains *Gains, ranked []*explained, least int64) string {
	if gains.Total < least {
		return fmt.Sprintf("the live objects gained less than %d KiB", least>>10)
	}
	if len(ranked) == 0 {
		return "of no class most of what was allocated stays"
	}
	first, second := ranked[0], int64(0)
	if len(ranked) > 1 {
		second = ranked[1].gained
	}
	share, may := float64(first.gained)/float64(gains.Total), float64(first.possible)/float64(gains.Total)
	switch {
	case first.samples < minSamples:
		return fmt.Sprintf("only %d allocations by %s were sampled", first.samples, first.site.line)
	case first.gained < ahead*second, share < leastGain, may < possibleGain:
		return fmt.Sprintf("%s explains %.0f %% of what the live objects gained, %.0f %% at most", first.site.line, 100*share, 100*may)
	}
	f.Reason, f.GainedBytes, f.Total = "", gains.Total, first.samples
	f.Causes = []Cause{{
		Line: first.site.line, Count: first.samples, Share: min(share, 1), GainedBytes: first.gained,
		What: most(first.site.what), Stack: first.site.stack,
	}}
	return ""
}
