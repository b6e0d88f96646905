package owners

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/jvmem/jvmem/jvm/malloc"
	"github.com/jvmem/jvmem/jvm/ranges"
)

const (
	// maxLists bounds the sizes of blocks that are followed, maxRoots what leads to those of
	// one size, and rootReads the reads that look for it.
	maxLists, maxRoots, rootReads = 4, 8, 1 << 14
	// maxSeenPages bounds the pages with blocks that were reached: 6 MiB. It is enough for a
	// list in 256 MiB of malloc.
	maxSeenPages = 64 << 10
	// linkBytes of a block are searched for links to others. Those of a queue may be at the
	// end of a block with many elements.
	linkBytes = 32 << 10
	// maxQueue bounds the blocks that were reached and not visited yet.
	maxQueue = 256 << 10
)

// Lists and trees are longer than maxHops. Here blocks of one size are followed from
// outside: from a variable of a library, a Java object, or an object of a library, which
// leads to one of them, to all that can be reached. Such a root is believed if the samples
// were reached.

// root is what leads to a block of a list.
type root struct {
	name int32
	to   uint64
}

// rooted are the roots of a kind: a library, and the class of a Java object.
type rooted struct{ library, java rootVote }

// rootVote is a root, and how many of the samples it reaches. ambiguous: two libraries, or
// two classes, have such roots, so it is neither.
type rootVote struct {
	name      name
	samples   int
	ambiguous bool
}

func (v *rootVote) add(n name, samples int) {
	if v.samples > 0 && (v.name.library != n.library || v.name.java != n.java) {
		v.ambiguous = true
	}
	if samples > v.samples {
		v.name, v.samples = n, samples
	}
}

// known reports whether there is one root.
func (v *rootVote) known() bool { return v.samples > 0 && !v.ambiguous }

// rootsOf returns the roots of those kinds that have any.
func (r *references) rootsOf(unnamed []*grown) map[*grown]*rooted {
	roots := make(map[*grown]*rooted)
	for _, size := range r.listSizes(unnamed) {
		for _, root := range r.findRoots(size) {
			seen := r.follow(root.to, size)
			if seen == nil {
				r.bounded = true
				continue
			}
			for _, g := range unnamed {
				samples := r.seenSamples(g, seen)
				if !g.agreed(samples) {
					continue
				}
				if roots[g] == nil {
					roots[g] = new(rooted)
				}
				if n := r.names[root.name]; n.java != "" {
					roots[g].java.add(n, samples)
				} else {
					roots[g].library.add(n, samples)
				}
			}
		}
	}
	return roots
}

// listSizes returns the sizes of blocks that may be linked to each other: those of the kinds
// themselves, and of what refers to 90 % of their samples.
func (r *references) listSizes(unnamed []*grown) []uint64 {
	var sizes []uint64
	add := func(size uint64) {
		if size != 0 && len(sizes) < maxLists && !slices.Contains(sizes, size) {
			sizes = append(sizes, size)
		}
	}
	for _, g := range unnamed {
		add(g.key.size)
		counts := make(map[uint64]int)
		for _, s := range g.samples {
			sizes := make(map[uint64]bool)
			for _, ref := range r.nodes[r.byStart[s.addr]].refs {
				if ref.from >= 0 {
					sizes[r.nodes[ref.from].key.size] = true
				}
			}
			for size := range sizes {
				counts[size]++
			}
		}
		for _, size := range slices.Sorted(maps.Keys(counts)) {
			if g.agreed(counts[size]) {
				add(size)
			}
		}
	}
	return sizes
}

// findRoots returns what outside of malloc leads to blocks of a size.
func (r *references) findRoots(size uint64) []root {
	if len(r.mallocs) == 0 {
		return nil
	}
	low, high := r.mallocs[0].Start, r.mallocs[len(r.mallocs)-1].End
	found := make(map[root]bool)
	left := rootReads
	check := func(word uint64, name func() int32) {
		if left == 0 || word%16 != 0 || !r.inArea(word) {
			return
		}
		if left--; r.isBlock(word, size) {
			if id := name(); id >= 0 {
				found[root{id, word}] = true
			}
		}
	}
	look := func(start, end uint64, shared bool, name func(at uint64) int32) {
		left = rootReads
		r.scan(start, end, shared, low, high, func(at, word uint64) { check(word, func() int32 { return name(at) }) })
	}
	for i := range r.libraries.segments {
		if s := &r.libraries.segments[i]; s.writable && s.library.role != anyone {
			look(s.start, s.end, false, func(at uint64) int32 {
				return r.id(name{library: s.library, detail: s.library.symbol(r.memory, at)})
			})
		}
	}
	if r.classes != nil {
		for _, span := range r.heap {
			look(span.start, span.end, span.shared, func(at uint64) int32 {
				if n := (name{java: r.classOf(span, at)}); n.java != "" && !n.holdsNumbers() {
					return r.id(n)
				}
				return -1
			})
		}
	}
	left = rootReads
	_, err := r.walk(func(b *malloc.Block) { // objects of a library, with a list each
		k := r.classify(b)
		if k.size == size || k.target == 0 {
			return
		}
		for head := b.Head; len(head) >= 8; head = head[8:] {
			check(binary.LittleEndian.Uint64(head), func() int32 {
				if ids := r.known(k); len(ids) > 0 {
					return ids[len(ids)-1]
				}
				return -1
			})
		}
	})
	if err != nil {
		return nil
	}
	// What leads to many blocks is no root of a list: each of those has one.
	names := make(map[int32]int)
	for root := range found {
		names[root.name]++
	}
	roots := slices.SortedFunc(maps.Keys(found), func(a, b root) int {
		return cmp.Or(cmp.Compare(names[a.name], names[b.name]), cmp.Compare(a.name, b.name), cmp.Compare(a.to, b.to))
	})
	return roots[:min(len(roots), maxRoots)]
}

// inArea reports whether an address is in malloc's memory.
func (r *references) inArea(addr uint64) bool {
	i := ranges.Find(r.mallocs, addr)
	return i < len(r.mallocs) && addr >= r.mallocs[i].Start
}

// isBlock reports whether a block of that size may begin at addr.
func (r *references) isBlock(addr, size uint64) bool {
	if r.lookup != nil {
		return r.lookup.Bytes(addr) == size
	}
	words, ok := r.words(addr-8, 1)
	return ok && words[0]&^7 == size
}

// blockSet has addresses of blocks, which are multiples of 16: a bit of each, by the chapter
// that they are in.
type blockSet map[uint64]*[chapterBytes / 16 / 64]uint64

const chapterBytes = 4096

// add reports whether addr is new; ok: there was room for it.
func (s blockSet) add(addr uint64) (added, ok bool) {
	chapter := s[addr/chapterBytes]
	if chapter == nil {
		if len(s) == maxSeenPages {
			return false, false
		}
		chapter = new([chapterBytes / 16 / 64]uint64)
		s[addr/chapterBytes] = chapter
	}
	slot := addr % chapterBytes / 16
	added = chapter[slot/64]>>(slot%64)&1 == 0
	chapter[slot/64] |= 1 << (slot % 64)
	return added, true
}

func (s blockSet) has(addr uint64) bool {
	chapter, slot := s[addr/chapterBytes], addr%chapterBytes/16
	return chapter != nil && chapter[slot/64]>>(slot%64)&1 != 0
}

// follow returns what blocks of a size lead to, from one on, and blocks of other sizes that
// they lead to. nil: there are too many.
func (r *references) follow(from, size uint64) blockSet {
	seen := make(blockSet)
	seen.add(from)
	header := uint64(8) // glibc's, with the size
	if r.lookup != nil {
		header = 0
	}
	buf := make([]byte, header+min(size-8, linkBytes))
	for queue := []uint64{from}; len(queue) > 0; {
		at := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		n := r.read(at-header, buf)
		if r.err != nil {
			return nil
		}
		if n < len(buf) || header > 0 && binary.LittleEndian.Uint64(buf)&^7 != size || header == 0 && !r.isBlock(at, size) {
			continue
		}
		for b := buf[header:]; len(b) >= 8; b = b[8:] {
			to := binary.LittleEndian.Uint64(b)
			if to%16 != 0 || !r.inArea(to) {
				continue
			}
			added, ok := seen.add(to)
			if !ok || len(queue) == maxQueue {
				return nil
			}
			if added {
				queue = append(queue, to)
			}
		}
	}
	return seen
}

// seenSamples counts the samples that were reached, or which one that was refers to.
func (r *references) seenSamples(g *grown, seen blockSet) int {
	n := 0
	for _, s := range g.samples {
		refs := r.nodes[r.byStart[s.addr]].refs
		if seen.has(s.addr) || slices.ContainsFunc(refs, func(ref reference) bool { return ref.from >= 0 && seen.has(r.nodes[ref.from].start) }) {
			n++
		}
	}
	return n
}
