package malloc

import (
	"encoding/binary"
	"math/bits"

	"github.com/jvmem/jvmem/jvm/ranges"
)

const (
	// userLimit is above every address that the kernel gives to a program that does not ask
	// for more.
	userLimit = 1<<47 - pageSize
	// The radix tree has two levels with 2^18 entries each: a root of pointers to leaves, one
	// for each GiB, and leaves with an element for each page.
	treeEntries = 1 << 18
	treeBytes   = 8 * treeEntries
	leafSpan    = treeEntries * pageSize
	// An element is the address of a descriptor with other fields in its upper 16 and lower 7
	// bits, two of which are 0.
	elementAddress, elementZero = 1<<48 - descriptorBytes, 3 << 5

	descriptorBytes = 128
	maxRegions      = 512
	bitmapOffset    = 64
	// smallClasses are those of slabs.
	smallClasses, allClasses = 36, 232
	// maxState is that of an extent which is being merged.
	extentActive, maxState = 0, 5

	// maxVariables bounds the memory of the library that is searched, maxPointers the
	// pointers there that are followed.
	maxVariables, maxPointers = 16 << 20, 4096
)

// jemalloc reads the structures of jemalloc 5.3. All its memory is divided into extents of
// whole pages, each with a descriptor (edata_t of edata.h): a slab of regions of equal size,
// with a bitmap of those that are free, one large block, or free memory. A radix tree
// (rtree.h), a variable of the library, leads from the first page of each extent to its
// descriptor, so extents come in the order of their addresses.
//
// Regions in the caches of threads are in use by the bitmap. See jemallocCaches.
type jemalloc struct {
	*walker
	root uint64 // of the tree
	end  uint64 // of the last extent
	// bins are the addresses of those of threads. marked counts the blocks that hold their
	// entries. cached is the number of entries of walker.fast that were passed.
	bins           []uint64
	marked, cached int
	// padded: a large block was seen to have a page more (extent.fits).
	padded bool
}

// extent is what a descriptor says.
type extent struct {
	addr, size uint64 // addr may be inside the first page, if it is a large block
	state      uint8
	class      uint8
	slab       bool
	bitmap     [maxRegions / 64]uint64
}

func (x *extent) base() uint64 { return x.addr &^ (pageSize - 1) }

// fits reports whether a large block may have such a class. A page more belongs to it, so that
// it can begin anywhere in its first page, unless that is off (cache_oblivious). From 5.3.1 on a
// block has as many pages as it needs, and the class is the next one.
func (x *extent) fits() bool {
	if x.class < smallClasses { // of a profile
		return classBytes(x.class) <= x.size-x.addr%pageSize
	}
	return x.size <= classBytes(x.class)+pageSize && x.size > classBytes(x.class-1) && x.size > x.addr%pageSize
}

// isFree reports whether a region is free.
func (x *extent) isFree(region uint64) bool { return x.bitmap[region/64]>>(region%64)&1 != 0 }

// classBytes is the size of a class: 8, 16, 32 and so on to 128, then four for each power of
// two.
func classBytes(class uint8) uint64 {
	switch {
	case class == 0:
		return 8
	case class <= 8:
		return 16 * uint64(class)
	}
	group := uint64(128) << ((class - 9) / 4)
	return group + group/4*uint64((class-9)%4+1)
}

// extent reads the descriptor at an address; ok: it is one.
func (m *memory) extent(at uint64) (x extent, ok bool) {
	if at == 0 || at%descriptorBytes != 0 || at >= userLimit {
		return x, false
	}
	b := m.nearby(at, descriptorBytes)
	if b == nil {
		return x, false
	}
	fields := binary.LittleEndian.Uint64(b)
	x.addr, x.size = binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])&^(pageSize-1)
	x.slab, x.state, x.class = fields>>12&1 != 0, uint8(fields>>17&7), uint8(fields>>20)
	if x.addr < pageSize || x.addr >= userLimit || x.size == 0 || x.size > userLimit-x.base() || x.state > maxState {
		return x, false
	}
	switch {
	case x.state != extentActive:
		return x, true
	case !x.slab:
		return x, x.class < allClasses && x.fits()
	case x.class >= smallClasses || x.addr%pageSize != 0:
		return x, false
	}
	region := classBytes(x.class)
	regions := x.size / region
	if x.size%region != 0 || regions > maxRegions {
		return x, false
	}
	free := 0
	for i := range x.bitmap {
		word := binary.LittleEndian.Uint64(b[bitmapOffset+8*i:])
		if n := regions - min(regions, 64*uint64(i)); n < 64 {
			word &= 1<<n - 1
		}
		x.bitmap[i] = word
		free += bits.OnesCount64(word)
	}
	return x, uint64(free) == fields>>28&1023
}

// eachWord calls yield for each resident word that is not 0 of [start, end), until it returns
// false.
func (m *memory) eachWord(start, end uint64, yield func(at, word uint64) (more bool)) {
	var list []uint64
	m.each(start&^(pageSize-1), alignUp(end, pageSize), func(page uint64) { list = append(list, page) })
	var buf [pageSize]byte
	for _, page := range list {
		if !m.spend() {
			return
		}
		if n, _ := m.mem.ReadAt(buf[:], int64(page)); n < pageSize {
			continue // unmapped since
		}
		for i := uint64(0); i < pageSize; i += 8 {
			if word := binary.LittleEndian.Uint64(buf[i:]); word != 0 && page+i >= start && page+i < end && !yield(page+i, word) {
				return
			}
		}
	}
}

// find finds the root of the radix tree: an array of pointers in the library, one of
// which leads to a leaf, whose place in the array is that of the leaf's addresses.
func (j *jemalloc) find(library []ranges.Range) bool {
	seen := make(map[uint64]bool)
	for _, r := range library {
		j.eachWord(r.Start, min(r.End, r.Start+maxVariables), func(at, word uint64) bool {
			if word%64 != 0 || word >= userLimit-treeBytes || seen[word] || len(seen) == maxPointers {
				return true
			}
			seen[word] = true
			if page, ok := j.firstOf(word); ok {
				if root := at - 8*(page/leafSpan); root >= r.Start && root+treeBytes <= r.End {
					j.root = root
				}
			}
			return j.root == 0
		})
	}
	return j.root != 0
}

// firstOf returns the first page that has an element in the leaf at an address; ok: it is
// a leaf.
func (j *jemalloc) firstOf(leaf uint64) (page uint64, ok bool) {
	j.eachWord(leaf, leaf+treeBytes, func(at, word uint64) bool {
		x, sound := j.extentOf(word)
		index := (at - leaf) / 8 * pageSize
		page = x.base()&^(leafSpan-1) + index
		ok = sound && page >= x.base() && page < x.base()+x.size
		return false
	})
	return page, ok
}

// extentOf returns the extent of an element of the tree.
func (j *jemalloc) extentOf(element uint64) (extent, bool) {
	if element&elementZero != 0 {
		return extent{}, false
	}
	return j.extent(element & elementAddress)
}

// extents calls yield for each extent, in the order of their addresses.
func (j *jemalloc) extents(yield func(*extent)) {
	j.end = 0
	j.eachWord(j.root, j.root+treeBytes, func(at, leaf uint64) bool {
		first := (at - j.root) / 8 * leafSpan
		if leaf >= userLimit-treeBytes {
			return true
		}
		j.eachWord(leaf, leaf+treeBytes, func(at, element uint64) bool {
			if page := first + (at-leaf)/8*pageSize; page >= j.end {
				j.element(at, page, element, yield)
			}
			return j.err == nil
		})
		return j.err == nil
	})
}

// element calls yield with the extent that begins with a page, by the element at an address.
func (j *jemalloc) element(at, page, element uint64, yield func(*extent)) {
	var x extent
	for tries := 0; ; tries++ {
		var ok bool
		x, ok = j.extentOf(element)
		if ok && x.base() == page {
			j.end = page + x.size
			yield(&x)
			return
		}
		if tries == retriesHere || j.retries == maxRetries {
			break
		}
		j.retries++
		j.forgetLinks()
		if element = j.word(at); element == 0 {
			return // it was joined with the one before
		}
	}
	if j.end = page + pageSize; x.base() == page && x.size > 0 && x.size < userLimit-page {
		j.end = page + x.size // a block of an unknown version
	}
	j.totals.LostBytes += j.resident(page, j.end)
}

func (j *jemalloc) used(yield func(start, end uint64)) {
	j.extents(func(x *extent) {
		if x.state == extentActive {
			yield(x.base(), x.base()+x.size)
		}
	})
}

func (j *jemalloc) blockAt(addr uint64) uint64 {
	if addr >= userLimit {
		return 0
	}
	entry := func(at uint64) uint64 {
		if b := j.nearby(at, 8); b != nil {
			return binary.LittleEndian.Uint64(b)
		}
		return 0
	}
	leaf := entry(j.root + 8*(addr/leafSpan))
	if leaf == 0 || leaf >= userLimit-treeBytes {
		return 0
	}
	x, ok := j.extentOf(entry(leaf + 8*(addr/pageSize%treeEntries)))
	switch offset := addr - x.addr; {
	case !ok || x.state != extentActive || offset >= x.size:
	case !x.slab && offset == 0:
		return j.large(&x)
	case x.slab && offset%classBytes(x.class) == 0 && !x.isFree(offset/classBytes(x.class)):
		return classBytes(x.class)
	}
	return 0
}

// large returns the size of the large block in an extent.
func (j *jemalloc) large(x *extent) uint64 {
	if j.padded = j.padded || x.addr%pageSize != 0; j.padded && x.class >= smallClasses {
		return x.size - pageSize
	}
	return min(classBytes(x.class), x.size)
}

func (j *jemalloc) walk(library []ranges.Range) {
	j.readCaches(library)
	j.extents(func(x *extent) {
		j.totals.OwnBytes += descriptorBytes // 3 % of blocks of 1 KiB, which have slabs of one page
		switch {
		case x.state != extentActive:
			j.hand(Block{Addr: x.base(), Bytes: x.size, State: Free})
		case x.slab:
			j.slab(x)
		default:
			bytes := j.large(x)
			if !j.holds(x.addr, min(bytes, HeadBytes)) {
				limit := x.addr + HeadBytes // of a large one the beginning
				if x.size < windowBytes/4 {
					limit = x.base() + windowBytes
				}
				j.load(x.addr, min(limit, userLimit))
			}
			j.hand(Block{Addr: x.addr, Bytes: bytes, State: j.stateOf(x.addr)})
			j.totals.OwnBytes += j.resident(x.base(), x.addr) + j.resident(x.addr+bytes, x.base()+x.size)
		}
	})
	if j.err == nil && j.marked > 0 && len(j.bins) == 0 {
		j.err = errCaches
	}
}

// slab hands out the regions of a slab.
func (j *jemalloc) slab(x *extent) {
	region := classBytes(x.class)
	for i := range x.size / region {
		addr, state := x.addr+i*region, Free
		if !j.holds(addr, min(region, HeadBytes)) {
			j.load(addr, min(addr+windowBytes, userLimit))
		}
		if !x.isFree(i) {
			state = j.stateOf(addr)
		}
		j.hand(Block{Addr: addr, Bytes: region, State: state})
	}
}

// hand hands out a block.
func (j *jemalloc) hand(b Block) {
	if j.err != nil {
		return
	}
	b.end, b.ResidentBytes = b.Addr+b.Bytes, j.resident(b.Addr, b.Addr+b.Bytes)
	if b.State != Free && j.holds(b.Addr, min(b.Bytes, HeadBytes)) {
		b.Head = j.at(b.Addr, min(b.Bytes, HeadBytes))
		if b.State == InUse && b.Addr%pageSize == 0 && len(b.Head) >= 8 && binary.LittleEndian.Uint64(b.Head) == cacheMark {
			j.marked++
		}
	}
	j.block = b
	j.count()
}

// stateOf returns whether a block that is no longer free by its slab is in a cache. They are
// asked for in the order of their addresses.
func (j *jemalloc) stateOf(addr uint64) State {
	for j.cached < len(j.fast) && j.fast[j.cached] < addr {
		j.cached++
	}
	if j.cached < len(j.fast) && j.fast[j.cached] == addr {
		return Cached
	}
	return InUse
}
