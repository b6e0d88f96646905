package malloc

import (
	"cmp"
	"encoding/binary"
	"io"
	"slices"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// HeapMax is the address space that glibc reserves for an arena heap (HEAP_MAX_SIZE:
// 2 * DEFAULT_MMAP_THRESHOLD_MAX).
const HeapMax = 64 << 20

const (
	heapInfo    = 32 // bytes read of heap_info: ar_ptr, prev, size, mprotect_size
	chunkHeader = 16 // mchunk_prev_size, mchunk_size
	isMmapped   = 2  // the only flag that an mmapped chunk carries
	prevInUse   = 1
	notMain     = 4 // the chunk is in a thread's arena
	flagBits    = 7
	// minChunk is the smallest size of an mmapped chunk, unless realloc made it smaller. By
	// default malloc uses mmap from 128 KiB on (M_MMAP_THRESHOLD).
	minChunk = 128 << 10
	// pageSize is the smallest of all: larger pages are read as several of these.
	pageSize = 4096
	// maxProbes bounds the headers read in one Find, some 1 µs each; maxMisses the
	// pages of one span that do not begin a chunk, so that memory of others costs little.
	// Malloc's own account tells whether that was enough.
	maxProbes = 65536
	maxMisses = 2048
)

// Pages reports which private pages are resident, and their size (pages.Pagemap).
type Pages interface {
	PageSize() uint64
	Present(addr uint64) bool
	Pages(start, end uint64, yield func(addr uint64)) error
}

// Search is a search for malloc's memory in spans: readable, writable, private, anonymous, and
// not known to be anything else; sorted. mem is the process' memory by address
// (/proc/<pid>/mem). areas says where malloc's variables are; without them less may be found.
type Search func(mem io.ReaderAt, pages Pages, areas Areas, spans []ranges.Range) ([]ranges.Range, error)

// Find returns the arena heaps and mmapped chunks in spans. The error is ranges.ErrBounded if
// the search ended early.
func Find(mem io.ReaderAt, pages Pages, areas Areas, spans []ranges.Range) ([]ranges.Range, error) {
	return new(Finder).Find(mem, pages, areas, spans)
}

// Finder finds in one process again and again, and does not lose what it found before.
type Finder struct {
	found []ranges.Range // by the last Find
	// missing is what malloc has by its own account and a search of all pages did not find;
	// bounded: that search ended early.
	missing uint64
	bounded bool
	account uint64 // the address of malloc's account; 0: unknown
}

// Find is as the function of that name.
func (r *Finder) Find(mem io.ReaderAt, pages Pages, areas Areas, spans []ranges.Range) ([]ranges.Range, error) {
	f := finder{mem: mem, pages: pages, probes: maxProbes, misses: maxMisses, before: r.found}
	account, told := r.accounted(mem, pages, areas) // first: what is mmapped meanwhile is not missing
	for _, s := range spans {
		f.span(s)
	}
	bounded := f.bounded || len(f.skipped) > 0
	if told && account >= f.chunkBytes {
		if missing := account - f.chunkBytes; missing > 0 && missing != r.missing {
			f.rest()
			r.missing, r.bounded = account-min(account, f.chunkBytes), f.bounded
		}
		bounded = account > f.chunkBytes && r.bounded
	}
	if f.err == nil && bounded {
		f.err = ranges.ErrBounded
	}
	r.found = f.found
	return f.found, f.err
}

// Arenas is a Search for the arena heaps alone. It reads one page in 64 MiB.
func Arenas(mem io.ReaderAt, pages Pages, _ Areas, spans []ranges.Range) ([]ranges.Range, error) {
	f := finder{mem: mem, pages: pages, probes: maxProbes}
	for _, s := range spans {
		f.found = append(f.found, f.heaps(s)...)
	}
	return f.found, f.err
}

// CountArenas returns the number of arenas, without the main one, of the arena heaps
// among the ranges: an arena above 64 MiB has several heaps. A heap that can no longer
// be read is not counted.
func CountArenas(mem io.ReaderAt, list []ranges.Range) int {
	arenas := make(map[uint64]bool)
	for _, r := range list {
		var arena [8]byte // heap_info's ar_ptr
		if r.Kind != ranges.MallocArena {
			continue
		}
		if n, _ := mem.ReadAt(arena[:], int64(r.Start)); n == len(arena) {
			arenas[binary.LittleEndian.Uint64(arena[:])] = true
		}
	}
	return len(arenas)
}

// finder is one search.
type finder struct {
	mem    io.ReaderAt
	pages  Pages
	probes int // left
	misses int // allowed in a span
	before []ranges.Range
	// bounded: there were not enough probes.
	bounded bool
	found   []ranges.Range
	// chunkBytes are those of the mmapped chunks found.
	chunkBytes uint64
	skipped    []ranges.Range // parts of spans with too many misses
	err        error
}

// heaps finds the arena heaps. They are aligned, so few pages are read.
func (f *finder) heaps(s ranges.Range) []ranges.Range {
	var heaps []ranges.Range
	for heap := alignUp(s.Start, HeapMax); heap < s.End; heap += HeapMax {
		if f.pages.Present(heap) && f.isHeap(heap) {
			heaps = append(heaps, ranges.Range{Start: heap, End: min(heap+HeapMax, s.End), Kind: ranges.MallocArena})
		}
	}
	return heaps
}

// span finds the arena heaps first: there are no mmapped chunks inside them.
func (f *finder) span(s ranges.Range) {
	next := s.Start
	for _, heap := range f.heaps(s) {
		f.chunks(next, heap.Start)
		f.found = append(f.found, heap)
		next = heap.End
	}
	f.chunks(next, s.End)
}

// chunks reads the resident pages of [start, end): each may begin a chunk, and a chunk
// has its size. The kernel joins adjacent mappings, so chunks may lie anywhere in memory of
// others. After too many misses only those are looked at that were found before.
func (f *finder) chunks(start, end uint64) {
	if end < start+pageSize {
		return
	}
	misses, skipped := 0, uint64(0)
	err := f.pages.Pages(start, end, func(addr uint64) {
		if addr < start {
			return
		}
		if misses++; misses > f.misses && !f.foundBefore(addr) {
			if skipped == 0 {
				skipped = addr
			}
			return
		}
		length := f.chunk(addr, end)
		if length == 0 {
			return
		}
		if skipped != 0 {
			f.skip(skipped, addr)
			skipped = 0
		}
		start = addr + length
		misses--
		f.found = append(f.found, ranges.Range{Start: addr, End: start, Kind: ranges.MallocChunk})
		f.chunkBytes += length
	})
	if skipped != 0 {
		f.skip(skipped, end)
	}
	if err != nil && f.err == nil {
		f.err = err
	}
}

// chunk returns the length of the mmapped chunk that begins at addr, before end; 0: none does.
func (f *finder) chunk(addr, end uint64) uint64 {
	var header [chunkHeader]byte
	if !f.read(header[:], addr) {
		return 0
	}
	length := mmapped(header[:], f.pages.PageSize())
	if length == 0 || length > end-addr || length < minChunk && !f.follows(addr+length, end) {
		return 0
	}
	return length
}

func (f *finder) foundBefore(addr uint64) bool {
	i := ranges.Find(f.before, addr)
	return i < len(f.before) && f.before[i].Start == addr
}

func (f *finder) skip(start, end uint64) {
	f.skipped = append(f.skipped, ranges.Range{Start: start, End: end})
}

// rest searches what was skipped.
func (f *finder) rest() {
	skipped := f.skipped
	f.skipped, f.misses = nil, maxProbes
	for _, s := range skipped {
		f.chunks(s.Start, s.End)
	}
	slices.SortFunc(f.found, func(a, b ranges.Range) int { return cmp.Compare(a.Start, b.Start) })
}

// follows reports whether the memory ends at addr, or another chunk begins: a chunk that
// realloc made smaller is small enough to be anything else.
func (f *finder) follows(addr, end uint64) bool {
	if addr == end {
		return true
	}
	var header [chunkHeader]byte
	return f.pages.Present(addr) && f.read(header[:], addr) && mmapped(header[:], f.pages.PageSize()) > 0
}

// mmapped returns the length of the mapping that begins with the header of an mmapped
// chunk; 0: it is none.
func mmapped(header []byte, page uint64) uint64 {
	prevSize, size := binary.LittleEndian.Uint64(header), binary.LittleEndian.Uint64(header[8:])
	length := size &^ flagBits
	if (length+chunkHeader)%page == 0 {
		length += chunkHeader // glibc 2.43
	}
	if prevSize != 0 || size&flagBits != isMmapped || length%page != 0 {
		return 0
	}
	return length
}

// isHeap checks the heap_info at addr: the first heap of an arena contains the arena,
// later ones point to the one before.
func (f *finder) isHeap(addr uint64) bool {
	var info [heapInfo]byte
	if !f.read(info[:], addr) {
		return false
	}
	arena := binary.LittleEndian.Uint64(info[0:])
	prev := binary.LittleEndian.Uint64(info[8:])
	size := binary.LittleEndian.Uint64(info[16:])
	mprotected := binary.LittleEndian.Uint64(info[24:])
	first := arena&^(HeapMax-1) == addr && prev == 0
	later := arena != 0 && prev != 0 && prev%HeapMax == 0
	return (first || later) && size > 0 && size <= mprotected && mprotected <= HeapMax && mprotected%pageSize == 0
}

func (f *finder) read(b []byte, addr uint64) bool {
	if f.probes <= 0 {
		f.bounded = true
		return false
	}
	f.probes--
	n, err := f.mem.ReadAt(b, int64(addr))
	if n == len(b) {
		return true
	}
	if f.err == nil && err != io.EOF {
		f.err = err
	}
	return false
}

func alignUp(addr, to uint64) uint64 { return (addr + to - 1) &^ (to - 1) }
