package owners

import (
	"fmt"
	"strings"
)

// describe names one kind that grew. sizes are the blocks that all kinds of a size grew by.
func (r *references) describe(g *grown, sizes map[uint64]int64, list []*grown) Owner {
	o := Owner{Amount: g.growth, Sizes: []Size{{g.key.size, g.growth.Blocks}}}
	if g.rest {
		o.Sizes[0].BlockBytes = 0
	}
	o.Threads = r.threadsOf(g)
	votes := r.votes(g)
	library, java := nearest(votes, r.names, false), nearest(votes, r.names, true)
	o.Mapped = g.key.category == mappedCategory
	switch {
	case g.key.unnamed():
		return o
	case o.Mapped:
		s := r.libraries.at(g.key.target)
		o.Relation, o.Library, o.Agreement = PointsTo, s.library.name, 1
		o.setDetail(r.detail(g.key))
	case g.key.category != 0:
		o.Relation, o.Category, o.Agreement = Tracked, r.category(int(g.key.category)-1), 1
	case r.pointsTo(g, sizes, list, &o):
	case library != nil && (java == nil || r.names[java.name].holdsNumbers() || library.distance() <= java.distance()):
		of := r.names[library.name]
		o.Relation, o.Library, o.Hops, o.Agreement = ReferredTo, of.library.name, library.distance(), g.share(library.samples)
		r.details(votes, of.library, &o)
	case java != nil:
		o.Relation, o.Hops, o.Agreement = ReferredTo, java.distance(), g.share(java.samples)
	default:
		return o
	}
	if java == nil {
		return o
	}
	if n := &r.names[java.name]; !n.holdsNumbers() || o.Library == "" && o.Category == "" {
		o.JavaClass = n.java
	}
	return o
}

// reachedFrom names what leads to the blocks over others.
func (o *Owner) reachedFrom(roots *rooted, g *grown) {
	if l := &roots.library; l.known() {
		o.Relation, o.Hops, o.Agreement = ReferredTo, maxHops, g.share(l.samples)
		o.Library = l.name.library.name
		if l.name.pointer {
			o.setDetail(l.name.detail)
		} else {
			o.Global = l.name.detail
		}
	}
	if j := &roots.java; j.known() {
		o.Relation, o.Hops, o.JavaClass = ReferredTo, maxHops, j.name.java
		if o.Library == "" {
			o.Agreement = g.share(j.samples)
		}
	}
}

func (g *grown) share(samples int) float64 { return float64(samples) / float64(len(g.samples)) }

// nearest returns the first vote for a Java class, or for a library; nil if there is none. A
// class that holds numbers is the last choice.
func nearest(votes []vote, names []name, java bool) *vote {
	var last *vote
	for i := range votes {
		switch n := &names[votes[i].name]; {
		case (n.java != "") != java:
		case !n.holdsNumbers():
			return &votes[i]
		case last == nil:
			last = &votes[i]
		}
	}
	return last
}

// details adds what the votes say of one library.
func (r *references) details(votes []vote, of *library, o *Owner) {
	for i := range votes {
		n := r.names[votes[i].name]
		switch {
		case n.library != of || n.detail == "":
		case !n.pointer && o.Global == "":
			o.Global = n.detail
		case n.pointer && o.Class == "" && o.Symbol == "":
			o.setDetail(n.detail)
		}
	}
}

func (o *Owner) setDetail(detail string) {
	if class, ok := strings.CutPrefix(detail, classPrefix); ok {
		o.Class = class
	} else {
		o.Symbol = detail
	}
}

// writtenBytes at the beginning of a block are those that its owner has written, if it wrote
// any.
const writtenBytes = 32

// pointsTo names a kind by its own pointer. What a block of another use left in one that
// was not cleared is no such pointer: so one that is not to the table of a class counts
// only if at least 90 % of the blocks of that size that are new have it. Allocators with size
// classes hand out a block as it was freed: there it has to be at the beginning.
func (r *references) pointsTo(g *grown, sizes map[uint64]int64, list []*grown, o *Owner) bool {
	s := r.libraries.at(g.key.target)
	if g.rest || g.key.target == 0 || s == nil {
		return false
	}
	detail := r.detail(g.key)
	var same int64
	for _, other := range list {
		to := r.libraries.at(other.key.target)
		if !other.rest && other.key.size == g.key.size && other.key.offset == g.key.offset && to != nil && to.library == s.library {
			same += other.growth.Blocks
		}
	}
	table := g.key.offset == 0 && s.relocated && r.isVTable(g.key.target)
	switch {
	case s.library.role == hotspot && !table:
		return false
	case strings.HasPrefix(detail, classPrefix) && table:
	case 10*same < 9*sizes[g.key.size], r.lookup != nil && g.key.offset >= writtenBytes:
		return false
	}
	o.Relation, o.Library, o.Agreement = PointsTo, s.library.name, 1
	o.setDetail(detail)
	return true
}

// category is the name of a category of NMT.
func (r *references) category(number int) string {
	if r.categories == nil {
		r.categories = []string{}
		if r.structs != nil {
			r.categories, _ = r.structs.Categories() // numbers remain
		}
	}
	if number < len(r.categories) {
		return r.categories[number]
	}
	return fmt.Sprintf("category %d", number)
}
