package malloc

import (
	"encoding/binary"
	"io"
	"maps"
	"slices"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// process is a process' memory: its resident pages, by address, in parts of pageSize.
type process struct {
	pages  map[uint64]*[pageSize]byte
	page   uint64
	sorted []uint64 // their addresses, if there are as many
	reads  int
	// looked are the pages that were read although they are not resident.
	looked []uint64
}

func newProcess() *process { return &process{pages: make(map[uint64]*[pageSize]byte), page: pageSize} }

// ReadAt is /proc/<pid>/mem: reading a page that is not resident would make it so.
func (p *process) ReadAt(b []byte, at int64) (n int, err error) {
	for p.reads++; n < len(b); {
		addr := uint64(at) + uint64(n)
		page := p.pages[addr&^(pageSize-1)]
		if page == nil {
			p.looked = append(p.looked, addr)
			return n, io.EOF
		}
		n += copy(b[n:], page[addr%pageSize:])
	}
	return n, nil
}

func (p *process) PageSize() uint64 { return p.page }

func (p *process) Present(addr uint64) bool { return p.pages[addr&^(pageSize-1)] != nil }

func (p *process) Pages(start, end uint64, yield func(uint64)) error {
	if len(p.sorted) != len(p.pages) {
		p.sorted = slices.Sorted(maps.Keys(p.pages))
	}
	i, _ := slices.BinarySearch(p.sorted, start&^(p.page-1))
	for ; i < len(p.sorted) && p.sorted[i] < end; i++ {
		if p.sorted[i]%p.page == 0 {
			yield(p.sorted[i])
		}
	}
	return nil
}

// put writes words to a page, and so makes it resident.
func (p *process) put(addr uint64, words ...uint64) {
	for at := addr &^ (p.page - 1); at < addr&^(p.page-1)+p.page; at += pageSize {
		if p.pages[at] == nil {
			p.pages[at] = new([pageSize]byte)
		}
	}
	page := p.pages[addr]
	for i, w := range words {
		binary.LittleEndian.PutUint64(page[8*i:], w)
	}
}

// chunk writes an mmapped chunk of that many bytes and touches all of it.
func (p *process) chunk(addr, size uint64) {
	p.put(addr, 0, size|isMmapped)
	for at := addr + pageSize; at < addr+size; at += pageSize {
		p.put(at, 0x1122334455667788)
	}
}

// heap writes the header of an arena's heap; prev is 0 for its first.
func (p *process) heap(addr, prev, arena, size uint64) { p.put(addr, arena, prev, size, size) }

func span(start, end uint64) ranges.Range { return ranges.Range{Start: start, End: end} }
func chunk(start, end uint64) ranges.Range {
	return ranges.Range{Start: start, End: end, Kind: ranges.MallocChunk}
}
func arena(start, end uint64) ranges.Range {
	return ranges.Range{Start: start, End: end, Kind: ranges.MallocArena}
}
