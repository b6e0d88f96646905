package malloc

import (
	"encoding/binary"
	"io"
	"iter"
	"time"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// layout says where the fields of struct malloc_state lie.
type layout struct {
	fastbins, top, bins, next, systemMem, size uint64
}

// layouts are those of glibc 2.27 to 2.42, and of 2.43, which has no fastbins.
var layouts = []layout{
	{fastbins: 0x10, top: 0x60, bins: 0x70, next: 0x870, systemMem: 0x888, size: 0x898},
	{top: 0x08, bins: 0x18, next: 0x818, systemMem: 0x830, size: 0x840},
}

const (
	stateBytes  = 0x898 // of the largest layout
	countBins   = 127
	countFast   = 10
	maxFastSize = 0xb0 // of the chunks in the last fastbin
)

// heap is memory that chunks follow each other in.
type heap struct {
	first, end uint64 // of the chunks; end is that of the heap
	arena      *mallocState
	mapped     ranges.Range
}

// mallocState is the struct malloc_state of an arena.
type mallocState struct {
	addr   uint64
	main   bool
	layout layout
	top    uint64
	// bytes is what the arena has by its own account (system_mem), found the size of its
	// heaps.
	bytes, found uint64
}

// parseState returns the layout of the malloc_state in b, which lies at addr.
func parseState(b []byte, addr uint64) (mallocState, bool) {
	word := func(offset uint64) uint64 { return binary.LittleEndian.Uint64(b[offset:]) }
	for _, l := range layouts {
		if uint64(len(b)) < l.size {
			continue
		}
		top, system, most := word(l.top), word(l.systemMem), word(l.systemMem+8)
		if top == 0 || top%16 != 0 || word(l.next) == 0 || system == 0 || system%pageSize != 0 || system > most || system > addressLimit>>8 {
			continue
		}
		// An empty bin points to itself, and some are always empty.
		empty, sound := 0, true
		for i := range uint64(countBins) {
			at := l.bins + 16*i
			forward, back := word(at), word(at+8)
			sound = sound && forward != 0 && forward%8 == 0 && back != 0 && back%8 == 0
			if forward == addr+at-16 && back == forward {
				empty++
			}
		}
		if sound && empty > 0 {
			return mallocState{addr: addr, layout: l, top: top, bytes: system}, true
		}
	}
	return mallocState{}, false
}

// findMain finds the main arena: a malloc_state in the variables of libc whose top is in
// the brk heap, which may have grown since its mapping was read.
func (m *memory) findMain(library []ranges.Range, brk ranges.Range) (mallocState, bool) {
	if brk.End == 0 {
		return mallocState{}, false
	}
	for _, r := range library {
		m.load(r.Start, r.End)
		held := m.at(m.start, m.end-m.start)
		for offset := 0; offset+0x840 <= len(held); offset += 16 {
			for _, l := range layouts {
				at := uint64(offset) + l.top
				if at+8 > uint64(len(held)) {
					continue
				}
				top := binary.LittleEndian.Uint64(held[at:])
				if top < brk.Start || top >= brk.End+HeapMax {
					continue
				}
				if a, ok := parseState(held[offset:], m.start+uint64(offset)); ok && a.layout == l {
					a.main = true
					return a, true
				}
			}
		}
	}
	return mallocState{}, false
}

// heaps returns the heaps of those arenas that were recognised.
func (m *memory) heaps(areas Areas) (heaps []*heap, arenas []*mallocState) {
	if main, ok := m.findMain(areas.Library, areas.Brk); ok {
		h := &heap{first: alignUp(areas.Brk.Start, 16), end: areas.Brk.End, arena: &main, mapped: areas.Brk}
		m.refresh(h)
		main.found = h.end - h.mapped.Start
		heaps, arenas = append(heaps, h), append(arenas, &main)
	}
	byAddr := make(map[uint64]*mallocState)
	for _, r := range areas.Found {
		if r.Kind != ranges.MallocArena {
			continue
		}
		info := m.read(r.Start, heapInfo)
		if info == nil {
			continue
		}
		addr, size := binary.LittleEndian.Uint64(info), heapSize(info)
		a, known := byAddr[addr]
		if !known {
			if found, ok := parseState(m.read(addr, stateBytes), addr); ok {
				a = &found
				arenas = append(arenas, a)
			}
			byAddr[addr] = a
		}
		// heap_info has 32 bytes, from glibc 2.35 on 48; the arena follows the first.
		infoBytes := addr & (HeapMax - 1)
		if a == nil || infoBytes != 0x20 && infoBytes != 0x30 || size == 0 {
			continue
		}
		first := r.Start + infoBytes
		if addr&^(HeapMax-1) == r.Start {
			first = alignUp(addr+a.layout.size, 16)
		}
		if first > r.Start+size {
			continue
		}
		a.found += size
		heaps = append(heaps, &heap{first: first, end: r.Start + size, arena: a, mapped: r})
	}
	return heaps, arenas
}

// heapSize returns how much of a heap is used, by its heap_info: more than was mapped when
// the mappings were read, if it grew since. 0: it is none.
func heapSize(info []byte) uint64 {
	size, mprotected := binary.LittleEndian.Uint64(info[16:]), binary.LittleEndian.Uint64(info[24:])
	if size > mprotected || mprotected > HeapMax {
		return 0
	}
	return size
}

// refresh reads again how far a heap and its arena reach.
func (m *memory) refresh(h *heap) {
	if top := m.word(h.arena.addr + h.arena.layout.top); top != 0 {
		h.arena.top = top
	}
	if h.arena.main {
		_, size := m.header(h.arena.top)
		if end := h.arena.top + size&^flagBits; end > h.end && end <= h.mapped.End+2*HeapMax {
			h.end = end
		}
		return
	}
	if info := m.read(h.mapped.Start, heapInfo); info != nil {
		if size := heapSize(info); size > 0 {
			h.end = h.mapped.Start + size
		}
	}
}

// accountBytes is the size of malloc's own account of all mmapped chunks: mmapped_mem of struct
// malloc_par, a variable of libc, its maximum, and the start of the brk heap (sbrk_base), which
// nothing else there has.
const accountBytes = 3 * 8

// accountIn returns the bytes by the account that begins with held; ok: it is one.
func accountIn(held []byte, areas Areas) (bytes uint64, ok bool) {
	now, most, base := binary.LittleEndian.Uint64(held), binary.LittleEndian.Uint64(held[8:]), binary.LittleEndian.Uint64(held[16:])
	return now, base != 0 && base == areas.Brk.Start && now <= most && now%pageSize == 0 && most%pageSize == 0 && most < addressLimit
}

// accounts yields where malloc's account seems to be, and what it says.
func (m *memory) accounts(areas Areas) iter.Seq2[uint64, uint64] {
	return func(yield func(uint64, uint64) bool) {
		if areas.Brk.Start == 0 {
			return
		}
		for _, r := range areas.Library {
			m.load(r.Start, r.End)
			for at := m.start; m.holds(at, accountBytes); at += 8 {
				if bytes, ok := accountIn(m.at(at, accountBytes), areas); ok && !yield(at, bytes) {
					return
				}
			}
		}
	}
}

// accounted returns the bytes by malloc's account; ok is false if there is none. The variables of libc
// are looked through once: then it is known where, unless several places may be it.
func (r *Finder) accounted(mem io.ReaderAt, pages Pages, areas Areas) (bytes uint64, ok bool) {
	var held [accountBytes]byte
	if r.account != 0 && pages.Present(r.account) && pages.Present(r.account+accountBytes-1) {
		if n, _ := mem.ReadAt(held[:], int64(r.account)); n == len(held) {
			if bytes, ok := accountIn(held[:], areas); ok {
				return bytes, true
			}
		}
	}
	r.account = 0
	var most uint64
	for _, l := range areas.Library {
		most = max(most, l.End-l.Start)
	}
	places := 0
	for at, says := range newMemory(mem, pages, Budget{Reads: accountReads, Time: time.Second}, min(most, windowBytes)).accounts(areas) {
		places++
		bytes, r.account = max(bytes, says), at
	}
	if places > 1 {
		r.account = 0
	}
	return bytes, places > 0
}

// accountReads bound a look at malloc's account, which takes two of each mapping.
const accountReads = 256
