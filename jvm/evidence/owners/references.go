package owners

import (
	"cmp"
	"slices"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/malloc"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/vmstructs"
)

const (
	// maxHops is how many references lead from a name to a block.
	maxHops = 3
	// maxNodes, maxReferences (of blocks, and as many of names, to one block) and maxHits (of
	// one search) bound the memory of the search: some 10 MiB.
	maxNodes      = 32 << 10
	maxReferences = 8
	maxHits       = 128 << 10
	// hitsEach bounds the hits of one block: some are in memory that is free.
	hitsEach = 32
)

// node is a block: a sample, or what refers to one.
type node struct {
	start, end uint64
	key        key
	refs       []reference
	hits       int
}

// reference is what refers to a block: another one or, if it is less than 0, the name
// -from-1. delta is where in the block it leads to.
type reference struct {
	from  int32
	delta uint32
}

// name is something outside of malloc that refers to blocks, or what a block is known by.
type name struct {
	library *library // of a variable or, with pointer, that a block points into
	pointer bool
	detail  string // the variable or class or function; "" if it has no name
	java    string // the class of a Java object
}

// holdsNumbers reports whether a Java class is of those that hold numbers for others: who
// uses it is not known.
func (n *name) holdsNumbers() bool {
	return n.java == "long[]" || n.java == "java.lang.Long" || n.java == "java.util.concurrent.atomic.AtomicLong"
}

// references is who refers to whom among blocks.
type references struct {
	*process
	nodes   []node
	byStart map[uint64]int32
	names   []name
	ids     map[name]int32
	targets targets
	bounded bool
	// object is the last that was found in the Java heap, arrays counts the searches.
	object vmstructs.Object
	arrays int
	// categories are the names of NMT, by number; nil: not read yet.
	categories []string
	// byArena are the pools of threads that allocate from an arena.
	byArena map[uint64][]string
}

func newReferences(p *process) *references {
	return &references{process: p, byStart: make(map[uint64]int32), ids: make(map[name]int32)}
}

// id numbers the names.
func (r *references) id(n name) int32 {
	id, ok := r.ids[n]
	if !ok {
		id = int32(len(r.names))
		r.names = append(r.names, n)
		r.ids[n] = id
	}
	return id
}

// node returns the number of a block; not ok if there are too many.
func (r *references) node(start, end uint64, k key) (int32, bool) {
	if id, ok := r.byStart[start]; ok {
		return id, true
	}
	if len(r.nodes) >= maxNodes {
		r.bounded = true
		return 0, false
	}
	id := int32(len(r.nodes))
	r.nodes = append(r.nodes, node{start: start, end: end, key: k})
	r.byStart[start] = id
	return id, true
}

// hit is a word that leads into a block.
type hit struct {
	at    uint64
	node  int32
	delta uint32
}

// search finds what refers to the samples, what refers to that, and so on. The error is
// of the walk.
func (r *references) search() error {
	for hop, first := 0, 0; hop < maxHops && first < len(r.nodes) && r.err == nil; hop++ {
		next := len(r.nodes)
		r.targets = newTargets(r.nodes[first:next], int32(first))
		r.inLibraries()
		r.inHeap()
		if err := r.inBlocks(); err != nil {
			return err
		}
		first = next
	}
	return nil
}

// hits calls yield for the words of a range that lead into the targets.
func (r *references) hits(start, end uint64, shared bool, yield func(hit)) {
	r.scan(start, end, shared, r.targets.low, r.targets.high, func(at, word uint64) {
		id, delta, ok := r.targets.find(word)
		if !ok {
			return
		}
		if n := &r.nodes[id]; n.hits < hitsEach {
			n.hits++
			yield(hit{at, id, delta})
		}
	})
}

// refer adds a reference.
func (r *references) refer(to, from int32, delta uint32) {
	n := &r.nodes[to]
	ref := reference{from, delta}
	same := 0 // of the kind of the reference: all elements of a list may refer to its owner
	for _, other := range n.refs {
		if from >= 0 && other == ref {
			return
		}
		if from < 0 == (other.from < 0) {
			same++
		}
	}
	if same < maxReferences {
		n.refs = append(n.refs, ref)
	}
}

// inBlocks finds the blocks in use that refer to the targets.
func (r *references) inBlocks() error {
	var hits []hit
	for i := range r.targets.spans {
		r.nodes[r.targets.spans[i].node].hits = 0
	}
	look := func(start, end uint64) {
		r.hits(start, end, false, func(h hit) {
			if len(hits) < maxHits {
				hits = append(hits, h)
			} else {
				r.bounded = true
			}
		})
	}
	// Free memory is full of words that lead to what was there before: of compilers, above all.
	var parts []ranges.Range
	for _, area := range r.mallocs {
		parts = ranges.Cut(r.free, area.Start, area.End, ranges.MallocArena, parts[:0])
		for _, part := range parts {
			if part.Kind == ranges.MallocArena {
				look(part.Start, part.End)
			}
		}
	}
	if len(hits) == 0 || r.err != nil {
		return nil
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Compare(a.at, b.at) })
	i := 0
	_, err := r.walk(func(b *malloc.Block) {
		if i == len(hits) || hits[i].at < b.Addr && hits[len(hits)-1].at < b.Addr || i > 0 && hits[i-1].at >= b.Addr || hits[i].at+mapBytes < b.Addr {
			i, _ = slices.BinarySearchFunc(hits, b.Addr, func(h hit, addr uint64) int { return cmp.Compare(h.at, addr) })
		}
		for i < len(hits) && hits[i].at < b.Addr {
			i++
		}
		for ; i < len(hits) && hits[i].at < b.End(); i++ {
			h := hits[i]
			if r.nodes[h.node].start == b.Addr {
				continue // to itself
			}
			if from, ok := r.node(b.Addr, b.End(), r.classify(b)); ok {
				r.refer(h.node, from, h.delta)
			}
		}
	})
	return err
}

// inLibraries finds the variables that refer to the targets. Those of the C library are no
// names: they have lists of all blocks.
func (r *references) inLibraries() {
	for i := range r.libraries.segments {
		s := &r.libraries.segments[i]
		if !s.writable || s.library.role == anyone {
			continue
		}
		r.hits(s.start, s.end, false, func(h hit) {
			id := r.id(name{library: s.library, detail: s.library.symbol(r.memory, h.at)})
			r.refer(h.node, -id-1, h.delta)
		})
	}
}

// inHeap finds the Java objects that refer to the targets: dead ones too, if the collector
// has not removed them.
func (r *references) inHeap() {
	if r.classes == nil {
		return
	}
	seen := make(map[uint64]bool) // offsets in the heap file, which may be mapped several times
	for _, span := range r.heap {
		var hits []hit
		r.hits(span.start, span.end, span.shared, func(h hit) {
			offset := h.at - span.start + span.offset
			if span.shared && seen[offset] || len(hits) == maxHits {
				return
			}
			if span.shared {
				seen[offset] = true
			}
			hits = append(hits, h)
		})
		for _, h := range hits {
			if class := r.classOf(span, h.at); class != "" {
				r.refer(h.node, -r.id(name{java: class})-1, h.delta)
			}
		}
	}
}

const (
	// arrayBytes are read before a word whose object is large, arraySearches times at most.
	arrayBytes    = 1 << 20
	arraySearches = 32
)

// classOf returns the class of the Java object with the word at an address, "" if there is
// none.
func (r *references) classOf(span heapSpan, at uint64) string {
	if at < r.object.Start || at >= r.object.End {
		r.object = vmstructs.Object{}
		if !r.findObject(span, at, vmstructs.HolderBytes) && r.arrays < arraySearches {
			r.arrays++
			r.findObject(span, at, arrayBytes)
		}
	}
	switch class := r.object.Class; {
	case class == "[J":
		return "long[]"
	case class == "" || class[0] == '[':
		return ""
	default:
		return jvm.Printable(class, maxNameBytes)
	}
}

func (r *references) findObject(span heapSpan, at, before uint64) (ok bool) {
	buf := make([]byte, min(before, at-span.start)+8)
	if r.read(at+8-uint64(len(buf)), buf) == len(buf) {
		r.object, ok = r.classes.Holder(at, buf)
	}
	return ok
}

// targets finds the block that an address is in.
type targets struct {
	low, high uint64
	spans     []span // sorted
	pages     [1 << 13]uint64
}

type span struct {
	start, end uint64
	node       int32
}

func newTargets(nodes []node, first int32) targets {
	t := targets{low: ^uint64(0)}
	for i := range nodes {
		n := &nodes[i]
		t.spans = append(t.spans, span{n.start, n.end, first + int32(i)})
		t.low, t.high = min(t.low, n.start), max(t.high, n.end)
		// Of a large block only the beginning counts: references lead there.
		for page := n.start / chapterBytes; page <= (min(n.end, n.start+maxDelta)-1)/chapterBytes; page++ {
			word, bit := pageBit(page)
			t.pages[word] |= bit
		}
	}
	slices.SortFunc(t.spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	return t
}

// maxDelta is how far behind the beginning of a block a reference may lead.
const maxDelta = 64 << 10

func pageBit(page uint64) (word, bit uint64) {
	hash := page * 0x9E3779B97F4A7C15 >> 45
	return hash >> 6, 1 << (hash & 63)
}

func (t *targets) find(addr uint64) (node int32, delta uint32, ok bool) {
	if word, bit := pageBit(addr / chapterBytes); t.pages[word]&bit == 0 || addr%4 != 0 {
		return 0, 0, false
	}
	i, found := slices.BinarySearchFunc(t.spans, addr, func(s span, a uint64) int { return cmp.Compare(s.start, a) })
	if !found {
		i--
	}
	if i < 0 || addr >= t.spans[i].end || addr-t.spans[i].start > maxDelta {
		return 0, 0, false
	}
	return t.spans[i].node, uint32(addr - t.spans[i].start), true
}
