package malloc

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// ErrUnknown means that the memory has no structures of an allocator that is known here.
var ErrUnknown = errors.New("no arena of a known malloc was found")

// State is what malloc uses a block for.
type State uint8

const (
	// InUse was returned by malloc and not freed since.
	InUse State = iota
	// Cached was freed, and waits in a thread's cache (tcache) or a fastbin for the next
	// malloc of its size.
	Cached
	// Free was freed, or is the rest of a larger block.
	Free
	// Top is at the end of an arena: never used, or freed.
	Top
	states
)

// HeadBytes is the most that Block.Head has.
const HeadBytes = 256

// Block is a chunk of malloc.
type Block struct {
	// Addr is what malloc returns for it, 16 bytes behind the beginning of the chunk.
	Addr uint64
	// Bytes of the chunk, with malloc's own 8, or 16 where it was mmapped. Other allocators
	// than glibc's have a size class for each.
	Bytes uint64
	// ResidentBytes is the part of them on resident pages.
	ResidentBytes int64
	State         State
	// Arena is the address of the arena (malloc_state) it belongs to; 0: it was mmapped.
	Arena uint64
	// Head has the first bytes at Addr: zeros where they are not resident. It is valid
	// until the next block.
	Head []byte
	// Sampled: it stands for others, too (Totals.Weight).
	Sampled bool

	page uint64 // bytes of a page, where it was mmapped
	end  uint64 // of what the program may use, if the allocator is not glibc's; else 0
}

// End is where the part of the block ends that the program may use.
func (b *Block) End() uint64 {
	if b.end > 0 {
		return b.end
	}
	return b.Addr + b.Bytes - 8
}

// Areas says where to look for blocks.
type Areas struct {
	// Allocator is whose malloc it is, and Name that of its library if it is not glibc's.
	Allocator Allocator
	Name      string
	// Brk is the mapping [heap]; zero if there is none.
	Brk ranges.Range
	// Library has the writable mappings of libc, with its variables: the main arena is one.
	// Those of another allocator are joined where they adjoin.
	Library []ranges.Range
	// Found is the result of Find.
	Found []ranges.Range
}

// NewAreas returns the areas in the mappings of a process. found is the result of Find.
func NewAreas(mappings []pages.Mapping, found []ranges.Range) Areas {
	areas := Areas{Found: found}
	areas.Allocator, areas.Name = findAllocator(mappings)
	if areas.Allocator != Glibc {
		areas.Library = variablesOf(mappings, areas.Name)
		return areas
	}
	for i := range mappings {
		m := &mappings[i]
		r := ranges.Range{Start: m.Start, End: m.End}
		switch {
		case m.Perm&pages.Write == 0 || m.Perm&pages.Shared != 0:
		case m.Path == "[heap]" && areas.Brk.End == 0:
			areas.Brk = r
		case isLibc(m.Path), i > 0 && m.Anonymous() && m.Start == mappings[i-1].End && isLibc(mappings[i-1].Path):
			areas.Library = append(areas.Library, r)
		}
	}
	return areas
}

// Totals is what a walk saw. The sum of its bytes is what was resident of the areas, and of
// what heaps grew since these were mapped so.
type Totals struct {
	// Blocks and ResidentBytes are by State.
	Blocks        [states]int64
	ResidentBytes [states]int64
	// OwnBytes is resident memory of malloc's that is in no block: headers of heaps,
	// arenas, and the rest of a heap behind its last block.
	OwnBytes int64
	// LostBytes is resident memory where the blocks did not follow each other: they
	// changed meanwhile, or were overwritten.
	LostBytes int64
	// UnseenBytes is what malloc has by its own account beyond the areas: Find ended early,
	// malloc mapped parts of the main arena outside [heap], or it mmapped chunks since. They
	// need not be resident.
	UnseenBytes int64
	Arenas      int
	// SampledBytes is resident memory of arenas that was walked through also for the
	// SkippedBytes of others: the numbers of blocks and bytes above are estimates. 0: all was.
	SampledBytes, SkippedBytes int64
	// Reads is the number of system calls.
	Reads int

	mapped uint64 // bytes of the mmapped chunks
}

// Complete reports whether at most 1 % of the memory was lost or not seen. If not, another walk may
// see more; after two the blocks are unknown.
func (t *Totals) Complete() bool { return t.LostBytes+t.UnseenBytes <= t.Resident()/100 }

// Resident returns the sum of the bytes.
func (t *Totals) Resident() int64 {
	all := t.OwnBytes + t.LostBytes
	for _, n := range t.ResidentBytes {
		all += n
	}
	return all
}

// Walk calls see for each block in the areas. mem is the process' memory by address
// (/proc/<pid>/mem), pages is its pagemap at the time of the walk. The process runs on, so
// each block is as it was at some time during the walk. The error is ErrUnknown,
// ErrBudget, or what reading pagemap returned; the Totals are of what was seen before.
func Walk(mem io.ReaderAt, pages Pages, areas Areas, budget Budget, see func(*Block)) (Totals, error) {
	w := walker{memory: newMemory(mem, pages, budget, windowBytes), see: see, caches: caches{library: areas.Library}}
	if areas.Allocator != Glibc {
		if o, err := areas.open(&w); err != nil {
			w.err = err
		} else {
			o.walk(areas.Library)
		}
		w.totals.Reads = w.spent(budget)
		return w.totals, w.err
	}
	heaps, arenas := w.heaps(areas)
	w.totals.Arenas = len(arenas)
	for _, a := range arenas {
		if a.bytes > a.found {
			w.totals.UnseenBytes += int64(a.bytes - a.found)
		}
	}
	if len(arenas) == 0 && w.err == nil {
		w.err = ErrUnknown
	}
	if w.err == nil {
		w.findCaches(heaps, arenas)
	}
	whole, sampled := w.choose(heaps, budget.Bytes)
	if w.listed {
		w.listCached(slices.Concat(whole, sampled))
	}
	walked := make(map[uint64]bool, len(heaps))
	for _, h := range heaps {
		walked[h.mapped.Start] = true
	}
	w.walkAll(whole)
	exact := w.totals
	w.sampling = true
	w.walkAll(sampled)
	w.sampling = false
	w.totals.scale(exact)
	if w.err == nil && !walked[areas.Brk.Start] {
		w.totals.LostBytes += w.resident(areas.Brk.Start, areas.Brk.End) // the main arena was not found
	}
	for _, r := range areas.Found {
		switch {
		case w.err != nil:
		case r.Kind == ranges.MallocChunk:
			w.mapped(r)
		case r.Kind == ranges.MallocArena && !walked[r.Start]:
			w.totals.LostBytes += w.resident(r.Start, r.End) // its arena is none
		}
	}
	var account uint64
	for _, says := range w.accounts(areas) {
		account = max(account, says)
	}
	if w.err == nil && account > w.totals.mapped {
		w.totals.UnseenBytes += int64(account - w.totals.mapped)
	}
	w.totals.Reads = w.spent(budget)
	return w.totals, w.err
}

// maxRetries bounds how often a window is read again in one walk, retriesHere for one
// block.
const (
	maxRetries  = 1024
	retriesHere = 3
)

type walker struct {
	*memory
	caches
	see     func(*Block)
	block   Block
	totals  Totals
	retries int
	// sampling: the blocks stand for others, too.
	sampling bool
}

// verdict is what is at an address.
type verdict uint8

const (
	sound  verdict = iota
	last           // the top of the arena
	fence          // the end of a heap that is full
	broken         // no chunk, or it changes just now
)

// chunk reads the chunk at addr.
func (w *walker) chunk(h *heap, addr uint64) (size uint64, inUse bool, v verdict) {
	_, word := w.header(addr)
	size = word &^ flagBits
	switch {
	case size == chunkHeader && h.end-addr <= 2*chunkHeader, size == 2*chunkHeader && h.end-addr == 3*chunkHeader:
		return size, false, fence // the second where 48 bytes were left for it
	case addr == h.arena.top && size >= chunkHeader && size%16 == 0:
		return min(size, h.end-addr), false, last
	case !h.plausible(addr, word):
		return 0, false, broken
	case addr+size == h.end:
		return size, false, last
	}
	next := addr + size
	prevSize, nextWord := w.header(next)
	fenced := nextWord&^flagBits == chunkHeader && h.end-next <= 2*chunkHeader
	if !fenced && next != h.arena.top && !h.plausible(next, nextWord) {
		return 0, false, broken
	}
	if inUse = nextWord&prevInUse != 0; !inUse && prevSize != size {
		return 0, false, broken
	}
	// A block in use names its arena: free ones may do.
	if inUse && !h.arena.main && word&notMain == 0 {
		return 0, false, broken
	}
	return size, inUse, sound
}

// plausible checks the size and flags of a chunk. The size fits into the heap.
func (h *heap) plausible(addr, word uint64) bool {
	size := word &^ flagBits
	return size >= 2*chunkHeader && size%16 == 0 && size <= h.end-addr && word&isMmapped == 0 && (!h.arena.main || word&notMain == 0)
}

func (w *walker) walkAll(heaps []*heap) {
	for _, h := range heaps {
		if w.err == nil {
			w.walk(h)
		}
	}
}

// walk goes through the chunks of one heap.
func (w *walker) walk(h *heap) {
	w.totals.OwnBytes += w.resident(h.mapped.Start, h.first)
	tries, addr := 0, h.first
	for h.end-addr >= chunkHeader && addr < h.end && w.err == nil {
		if !w.holds(addr, min(chunkHeader+HeadBytes, h.end-addr)) {
			w.load(addr, h.end)
		}
		size, inUse, v := w.chunk(h, addr)
		switch {
		case w.err != nil:
			return
		case v == broken && tries < retriesHere && w.retries < maxRetries, v == last && tries == 0:
			tries++ // at the last, as the heap may have grown since its top was read
			if v == broken {
				w.retries++
			}
			w.forget()
			w.refresh(h)
			continue
		case v == broken:
			next := w.resync(h, addr+16)
			w.totals.LostBytes += w.resident(addr, next)
			size = next - addr
		case v == sound:
			w.emit(h, addr, size, w.state(inUse, addr, size))
		case v == last:
			w.emit(h, addr, size, Top)
		}
		if tries = 0; v == fence {
			break
		}
		if addr += size; v == last {
			break
		}
	}
	if w.err == nil {
		w.totals.OwnBytes += w.resident(addr, max(h.mapped.End, h.end))
	}
}

// soundChunks is how many chunks must follow each other to be believed after a broken one.
const soundChunks = 16

// resync returns where the next chunks follow each other, or the end of the heap.
func (w *walker) resync(h *heap, addr uint64) uint64 {
	for ; addr+chunkHeader <= h.end && w.err == nil; addr += 16 {
		if !w.holds(addr, chunkHeader) {
			w.load(addr, h.end)
		}
		if !w.present[(addr-w.start)/pageSize] {
			addr = w.nextResident(addr, h.end) - 16
			continue
		}
		for at, n := addr, 0; ; n++ {
			size, _, v := w.chunk(h, at)
			if v == last || v == fence || n == soundChunks {
				return addr
			}
			if v == broken {
				break
			}
			at += size
		}
	}
	return h.end
}

// emit hands out the block of a chunk.
func (w *walker) emit(h *heap, addr, size uint64, s State) {
	user := addr + chunkHeader
	head := min(size-chunkHeader+8, HeadBytes, max(w.end, user)-user)
	w.block = Block{Addr: user, Bytes: size, ResidentBytes: w.resident(addr, addr+size), State: s, Arena: h.arena.addr, Sampled: w.sampling}
	if w.holds(user, head) {
		w.block.Head = w.at(user, head)
	}
	w.count()
}

func (w *walker) count() {
	w.totals.Blocks[w.block.State]++
	w.totals.ResidentBytes[w.block.State] += w.block.ResidentBytes
	w.see(&w.block)
}

// mapped hands out an mmapped chunk.
func (w *walker) mapped(r ranges.Range) {
	w.load(r.Start, r.Start+w.page)
	resident, length := w.resident(r.Start, r.End), r.End-r.Start
	switch {
	case w.err != nil:
	case mmapped(w.at(r.Start, chunkHeader), w.page) != length:
		w.totals.LostBytes += resident // unmapped since, or another
	default:
		header := w.aligned(r)
		user := header + chunkHeader
		w.totals.mapped += length
		w.block = Block{Addr: user, Bytes: r.End - header, ResidentBytes: resident, page: w.page}
		if !w.holds(user, HeadBytes) {
			w.load(user, user+pageSize)
		}
		w.block.Head = w.at(user, min(HeadBytes, w.end-user))
		w.count()
	}
}

// aligned returns the header of an mmapped chunk: the one at the start of its mapping or, if
// its block is aligned to more than 16 bytes, a second one, with the distance to the first.
func (w *walker) aligned(r ranges.Range) uint64 {
	moved := func(b []byte, gap uint64) bool {
		before, size := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		return before == gap && size&flagBits == isMmapped && (gap+size&^flagBits+chunkHeader)&^(w.page-1) == r.End-r.Start
	}
	for gap := uint64(chunkHeader); gap < w.page && w.holds(r.Start+gap, chunkHeader); gap = 2*gap + chunkHeader {
		if moved(w.at(r.Start+gap, chunkHeader), gap) {
			return r.Start + gap
		}
	}
	// Aligned to several pages: those in between were not touched.
	page := w.nextResident(r.Start+w.page, r.End) &^ (w.page - 1)
	gap := page + w.page - chunkHeader - r.Start
	if b := w.read(r.Start+gap, chunkHeader); b != nil && moved(b, gap) {
		return r.Start + gap
	}
	return r.Start
}
