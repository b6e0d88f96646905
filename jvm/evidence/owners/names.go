package owners

import (
	"cmp"
	"slices"
)

// route is a name with the way that leads from it to a block: the places in the blocks
// that the references lead to. Where the names of many blocks are real, so is the way the
// same; random words would lead anywhere.
type route struct {
	name int32
	way  uint64
}

// vote is what the samples of a kind say for a route.
type vote struct {
	route
	samples int // that it leads to
	sources int // of them, counted for each sample
	hops    int // the sum over the samples
}

// maxVisited bounds the blocks that are visited from one sample.
const maxVisited = 256

// votes returns what the samples of a kind say, only what they agree on, nearest first.
func (r *references) votes(g *grown) []vote {
	all := make(map[route]*vote)
	for _, s := range g.samples {
		id, ok := r.byStart[s.addr]
		if !ok {
			continue
		}
		for to, found := range r.reach(id) {
			v := all[to]
			if v == nil {
				v = &vote{route: to}
				all[to] = v
			}
			v.samples++
			v.sources += found.sources
			v.hops += found.hops
		}
	}
	var agreed []vote
	for _, v := range all {
		if g.agreed(v.samples) && !r.stale(v) && (len(g.samples) >= minSamples || r.isVariable(v)) {
			agreed = append(agreed, *v)
		}
	}
	slices.SortFunc(agreed, func(a, b vote) int {
		return cmp.Or(cmp.Compare(a.distance(), b.distance()), cmp.Compare(b.samples, a.samples), compareNames(r.names[a.name], r.names[b.name]))
	})
	return agreed
}

// distance is the mean number of references from the name to a block.
func (v *vote) distance() int { return (v.hops + v.samples/2) / v.samples }

// maxCopies is how many Java objects of a class may refer to a block: ZGC leaves old copies
// of those that it moves.
const maxCopies = 2.5

// stale reports whether many Java objects refer to each block: all but one of them are
// dead, and the block may be another's, which used the memory again.
func (r *references) stale(v *vote) bool {
	return r.names[v.name].java != "" && float64(v.sources) > maxCopies*float64(v.samples)
}

// isVariable reports whether a variable of a library refers to the blocks themselves.
func (r *references) isVariable(v *vote) bool {
	n := &r.names[v.name]
	return n.library != nil && !n.pointer && v.distance() == 1
}

func compareNames(a, b name) int {
	return cmp.Or(cmp.Compare(len(a.java), len(b.java)), cmp.Compare(a.java, b.java), cmp.Compare(a.detail, b.detail))
}

// found is how a name was reached from a sample.
type found struct{ hops, sources int }

// reach returns the names that lead to a block.
func (r *references) reach(from int32) map[route]found {
	type visit struct {
		node int32
		hops int
		way  uint64
	}
	out := make(map[route]found)
	add := func(id int32, way uint64, hops int) {
		f, known := out[route{id, way}]
		if !known {
			f.hops = hops
		}
		f.sources++
		out[route{id, way}] = f
	}
	visited := map[int32]bool{from: true}
	for queue := []visit{{node: from}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		n := &r.nodes[at.node]
		if at.hops > 0 {
			for _, id := range r.known(n.key) {
				add(id, at.way, at.hops)
			}
		}
		if at.hops == maxHops {
			continue
		}
		for _, ref := range n.refs {
			way := at.way*maxDelta*2 + n.place(ref.delta) + 1
			if ref.from < 0 {
				id := -ref.from - 1
				add(id, way, at.hops+1)
				if of := r.names[id]; of.library != nil && of.detail != "" { // any variable of the library
					add(r.id(name{library: of.library}), way, at.hops+1)
				}
				continue
			}
			if !visited[ref.from] && len(visited) < maxVisited {
				visited[ref.from] = true
				queue = append(queue, visit{ref.from, at.hops + 1, way})
			}
		}
	}
	return out
}

// alignedBytes is the most that a library may align its own blocks to in those of malloc.
const alignedBytes = 64

// place is where in a block a reference leads to: the beginning of a large one may be
// aligned, so that it is not always the same.
func (n *node) place(delta uint32) uint64 {
	if delta < alignedBytes && n.end-n.start >= 8*alignedBytes {
		return 0
	}
	return uint64(delta)
}

// known returns the names that a block has by what it points to: the library, and what in it.
func (r *references) known(k key) []int32 {
	s := r.libraries.at(k.target)
	if k.target == 0 || s == nil || s.library.role != own {
		return nil
	}
	ids := []int32{r.id(name{library: s.library, pointer: true})}
	if detail := r.detail(k); detail != "" {
		ids = append(ids, r.id(name{library: s.library, pointer: true, detail: detail}))
	}
	return ids
}

// detail is what a kind points to: a class or a symbol. Classes begin with "class ".
func (p *process) detail(k key) string {
	s := p.libraries.at(k.target)
	if s == nil {
		return ""
	}
	if known, ok := p.details[k.target]; ok {
		return known
	}
	detail := ""
	if k.offset == 0 && !s.code {
		if class := p.class(k.target); class != "" {
			detail = classPrefix + class
		}
	}
	if detail == "" {
		detail = s.library.symbol(p.memory, k.target)
	}
	if len(p.details) < maxDetails {
		p.details[k.target] = detail
	}
	return detail
}

const (
	classPrefix = "class "
	maxDetails  = 4096
)
