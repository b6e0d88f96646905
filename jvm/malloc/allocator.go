package malloc

import (
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// Allocator is whose malloc a process uses.
type Allocator uint8

const (
	// Glibc is also what is looked for where no other is known.
	Glibc Allocator = iota
	// Jemalloc is that of version 5.3.0 or 5.3.1.
	Jemalloc
	// Mallocng is that of musl from version 1.2.1 on.
	Mallocng
	// Unsupported allocators are known by the name of their library only.
	Unsupported
)

// findAllocator returns the allocator that replaces glibc's, and its library.
func findAllocator(mappings []pages.Mapping) (Allocator, string) {
	name, glibc := ranges.Allocator(mappings)
	if glibc || name == "" {
		return Glibc, ""
	}
	return ByName(name), name
}

// ByName returns the allocator of a library that replaces glibc's.
func ByName(library string) Allocator {
	switch {
	case strings.HasPrefix(library, "libjemalloc"):
		return Jemalloc
	case ranges.IsMusl(library):
		return Mallocng
	}
	return Unsupported
}

// variablesOf returns the writable memory of a library, with what follows its file (.bss).
func variablesOf(mappings []pages.Mapping, library string) (list []ranges.Range) {
	for i := range mappings {
		m := &mappings[i]
		follows := len(list) > 0 && list[len(list)-1].End == m.Start
		if m.Perm&pages.Write == 0 || m.Perm&pages.Shared != 0 || path.Base(m.Path) != library && !(follows && m.Anonymous()) {
			continue
		}
		if follows {
			list[len(list)-1].End = m.End
		} else {
			list = append(list, ranges.Range{Start: m.Start, End: m.End})
		}
	}
	return list
}

// other is an allocator that is not glibc's.
type other interface {
	// find recognises it by its variables.
	find(library []ranges.Range) bool
	// used calls yield for the ranges in which blocks may be in use, in the order of their
	// addresses. They may overlap.
	used(yield func(start, end uint64))
	// walk hands out all blocks.
	walk(library []ranges.Range)
	// blockAt returns Block.Bytes of the block in use at an address; 0: none begins there.
	blockAt(addr uint64) uint64
}

// open recognises the allocator. The error is ErrUnknown if it has no structures that are
// known here, or that of memory.
func (a Areas) open(w *walker) (other, error) {
	var o other
	switch a.Allocator {
	case Jemalloc:
		o = &jemalloc{walker: w}
	case Mallocng:
		o = &mallocng{walker: w}
	}
	switch found := o != nil && o.find(a.Library); {
	case w.err != nil:
		return nil, w.err
	case !found:
		return nil, fmt.Errorf("%w: %s", ErrUnknown, a.Name)
	}
	return o, nil
}

// maxRanges bounds the ranges of Memory: 2 MiB.
const maxRanges = 64 << 10

// Memory returns the address ranges in which blocks may be in use, sorted and disjoint, if
// the allocator is not glibc's, whose are Areas.Brk and Areas.Found. reads is the number of
// system calls. The errors are those of Walk.
func Memory(mem io.ReaderAt, pages Pages, areas Areas, budget Budget) (list []ranges.Range, reads int, err error) {
	w := &walker{memory: newMemory(mem, pages, budget, 0)}
	o, err := areas.open(w)
	if err != nil {
		return nil, w.spent(budget), err
	}
	o.used(func(start, end uint64) {
		n := len(list)
		switch {
		case n > 0 && start <= list[n-1].End:
			list[n-1].End = max(list[n-1].End, end)
		case n == maxRanges:
			w.err = ErrBudget
		default:
			list = append(list, ranges.Range{Start: start, End: end, Kind: ranges.MallocArena})
		}
	})
	return list, w.spent(budget), w.err
}

// Lookup finds single blocks of an allocator that is not glibc's.
type Lookup struct {
	of     other
	memory *memory
}

// NewLookup returns a Lookup, which has the errors of Walk.
func NewLookup(mem io.ReaderAt, pages Pages, areas Areas, budget Budget) (*Lookup, error) {
	w := &walker{memory: newMemory(mem, pages, budget, 0)}
	o, err := areas.open(w)
	return &Lookup{o, w.memory}, err
}

// Bytes returns Block.Bytes of the block in use at addr; 0: none begins there, or Err is not
// nil.
func (l *Lookup) Bytes(addr uint64) uint64 { return l.of.blockAt(addr) }

// Err returns ErrBudget if the budget is spent.
func (l *Lookup) Err() error { return l.memory.err }
