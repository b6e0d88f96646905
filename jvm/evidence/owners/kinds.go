package owners

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/jvmem/jvmem/jvm/malloc"
)

// maxCounted bounds the kinds that are counted in one walk: 6 MiB. What is beyond is
// counted without its size.
const maxCounted = 64 << 10

// key is what blocks of a kind have in common.
type key struct {
	size     uint64 // 0: any
	target   uint64 // of the telling pointer; 0: there is none
	offset   int16  // of that pointer
	category int16  // of NMT plus one; 0: no header
}

// classify returns the kind of a block.
func (p *process) classify(b *malloc.Block) key {
	if category, _, ok := p.headers.Parse(b); ok {
		return key{category: int16(category) + 1}
	}
	k := key{size: b.Bytes}
	k.target, k.offset = p.telling(b.Head)
	return k
}

// Ranks of what a pointer leads to, the most telling first.
const (
	rankTable = iota
	rankOwn
	rankConstant
	rankHotSpot
	rankNone
)

// telling returns the pointer that says most of a block: the first into a library of its
// own; before all, one at the beginning to what may be a table of virtual functions. The
// words of a list that malloc kept the block in before lead to libc, which tells nothing.
func (p *process) telling(head []byte) (target uint64, offset int16) {
	best := rankNone
	for at := 0; at+8 <= len(head); at += 8 {
		word := binary.LittleEndian.Uint64(head[at:])
		if word-p.libraries.low >= p.libraries.high-p.libraries.low {
			continue
		}
		if rank := p.rank(word, at); rank < best {
			best, target, offset = rank, word, int16(at)
		}
	}
	return target, offset
}

func (p *process) rank(word uint64, at int) int {
	s := p.libraries.at(word)
	switch {
	case s == nil || s.library.role == anyone:
		return rankNone
	case s.library.role == hotspot:
		// Anyone may have HotSpot's table of JNI functions.
		if at == 0 && s.relocated {
			return rankHotSpot
		}
		return rankNone
	case s.relocated && at == 0:
		return rankTable
	case s.code, s.writable, s.relocated:
		return rankOwn
	}
	return rankConstant
}

// counter counts blocks by kind.
type counter struct {
	kinds map[key]*Amount
	all   Amount
}

func newCounter() *counter { return &counter{kinds: make(map[key]*Amount)} }

func (a *Amount) add(b Amount) {
	a.Blocks += b.Blocks
	a.Bytes += b.Bytes
	a.ResidentBytes += b.ResidentBytes
}

func amountOf(b *malloc.Block) Amount {
	return Amount{Blocks: 1, Bytes: int64(b.Bytes), ResidentBytes: b.ResidentBytes}
}

func (c *counter) add(k key, b *malloc.Block) {
	of := c.kinds[k]
	if of == nil {
		if len(c.kinds) >= maxCounted {
			k = key{} // no matter what
			of = c.kinds[k]
		}
		if of == nil {
			of = new(Amount)
			c.kinds[k] = of
		}
	}
	of.add(amountOf(b))
	c.all.add(amountOf(b))
}

// bySize counts the blocks of each size.
func (c *counter) bySize() map[uint64]int64 {
	sizes := make(map[uint64]int64)
	for k, of := range c.kinds {
		sizes[k.size] += of.Blocks
	}
	return sizes
}

// into puts the largest kinds into a Snapshot, and the rest in one.
func (c *counter) into(s *Snapshot, l *libraries) {
	var keys []key
	for k := range c.kinds {
		if k != (key{}) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(c.kinds[b].ResidentBytes, c.kinds[a].ResidentBytes),
			cmp.Compare(a.size, b.size), cmp.Compare(a.target, b.target), cmp.Compare(a.offset, b.offset), cmp.Compare(a.category, b.category))
	})
	if of := c.kinds[key{}]; of != nil {
		s.Rest.add(*of)
	}
	for i, k := range keys {
		if i < maxKinds {
			s.Kinds = append(s.Kinds, k.kind(l, *c.kinds[k]))
			continue
		}
		s.Rest.add(*c.kinds[k])
		s.LargestRestBytes = max(s.LargestRestBytes, c.kinds[k].ResidentBytes)
	}
}

// kind is the key without an address of the process.
func (k key) kind(l *libraries, a Amount) Kind {
	out := Kind{BlockBytes: k.size, Category: int(k.category), Amount: a}
	if s := l.at(k.target); k.target != 0 && s != nil {
		out.Library, out.Address, out.Offset = s.library.name, k.target-s.library.base, int(k.offset)
	}
	return out
}

// key is the reverse of kind; not ok if the library is no longer loaded.
func (k *Kind) key(l *libraries) (out key, ok bool) {
	out = key{size: k.BlockBytes, category: int16(k.Category)}
	if k.Library == "" {
		return out, true
	}
	of := l.byName[k.Library]
	if of == nil {
		return key{}, false
	}
	out.target, out.offset = of.base+k.Address, int16(k.Offset)
	return out, true
}
