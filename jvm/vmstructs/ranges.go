package vmstructs

import (
	"fmt"

	"github.com/jvmem/jvmem/jvm/ranges"
)

const (
	// maxCodeHeaps: JDK 8 has one, later ones up to three, four with
	// HotCodeHeap (27+).
	maxCodeHeaps = 16
	// classSpaceAlignment is Metaspace::reserve_alignment, a root chunk.
	classSpaceAlignment = 16 << 20
	// archiveRegions are the first regions of an archive on JDK 11: mc, rw,
	// ro, md and od. What follows lies in the heap.
	archiveRegions = 5
)

// span returns a checked range.
func span(start, end uint64, kind ranges.Kind) ([]ranges.Range, error) {
	if start == 0 || start >= end || end > addressLimit || start%pageBytes != 0 || end%pageBytes != 0 {
		return nil, fmt.Errorf("implausible range %#x to %#x", start, end)
	}
	return []ranges.Range{{Start: start, End: end, Kind: kind}}, nil
}

// static reads a pointer in a static field.
func (r *Reader) static(names ...fieldName) (uint64, error) {
	address, err := r.table.static(names...)
	if err != nil {
		return 0, err
	}
	return r.memory.word(address)
}

// object reads the words at some fields of one object.
func (r *Reader) object(address uint64, names ...fieldName) ([]uint64, error) {
	offsets, err := r.table.offsets(names...)
	if err != nil {
		return nil, err
	}
	return r.memory.words(address, offsets...)
}

// heap is Universe::_collectedHeap->_reserved, empty for ZGC.
func (r *Reader) heap() ([]ranges.Range, error) {
	heap, err := r.static(fieldName{"Universe", "_collectedHeap"})
	if err != nil {
		return nil, err
	}
	at, err := r.table.offsets(fieldName{"CollectedHeap", "_reserved"}, fieldName{"MemRegion", "_start"}, fieldName{"MemRegion", "_word_size"})
	if err != nil {
		return nil, err
	}
	bounds, err := r.memory.words(heap, at[0]+at[1], at[0]+at[2])
	if err != nil {
		return nil, err
	}
	start, words := bounds[0], bounds[1]
	if words == 0 {
		return nil, nil
	}
	if words >= addressLimit/8 {
		return nil, fmt.Errorf("implausible heap of %d words", words)
	}
	return span(start, start+words*8, ranges.Heap)
}

// codeHeaps are the elements of CodeCache::_heaps, each with a segment map.
func (r *Reader) codeHeaps() ([]ranges.Range, error) {
	heaps, err := r.codeHeapList()
	if err != nil {
		return nil, err
	}
	at, err := r.table.offsets(fieldName{"CodeHeap", "_memory"}, fieldName{"CodeHeap", "_segmap"},
		fieldName{"VirtualSpace", "_low_boundary"}, fieldName{"VirtualSpace", "_high_boundary"})
	if err != nil {
		return nil, err
	}
	memory, segmap, low, high := at[0], at[1], at[2], at[3]
	var out []ranges.Range
	for _, heap := range heaps {
		bounds, err := r.memory.words(heap, memory+low, memory+high, segmap+low, segmap+high)
		if err != nil {
			return nil, err
		}
		for ; len(bounds) > 0; bounds = bounds[2:] {
			code, err := span(bounds[0], bounds[1], ranges.Code)
			if err != nil {
				return nil, err
			}
			out = append(out, code...)
		}
	}
	return out, nil
}

// codeHeapList returns the addresses of the CodeHeap objects.
func (r *Reader) codeHeapList() ([]uint64, error) {
	if r.table.has("CodeCache", "_heap") {
		heap, err := r.static(fieldName{"CodeCache", "_heap"})
		return []uint64{heap}, err
	}
	array, err := r.static(fieldName{"CodeCache", "_heaps"})
	if err != nil {
		return nil, err
	}
	length, err := r.table.find(false, fieldName{"GrowableArrayBase", "_len"}, fieldName{"GenericGrowableArray", "_len"})
	if err != nil {
		return nil, err
	}
	// The instance for CodeHeap* isn't exported; _data lies in the same place.
	data, err := r.table.find(false, fieldName{"GrowableArray<int>", "_data"})
	if err != nil {
		return nil, err
	}
	got, err := r.memory.words(array, length.offset, data.offset)
	if err != nil {
		return nil, err
	}
	count := uint32(got[0])
	if count == 0 || count > maxCodeHeaps {
		return nil, fmt.Errorf("implausible count of code heaps: %d", count)
	}
	offsets := make([]uint64, count)
	for i := range offsets {
		offsets[i] = uint64(i) * 8
	}
	return r.memory.words(got[1], offsets...)
}

// archive is the mapped class data sharing archive, static and dynamic.
func (r *Reader) archive() ([]ranges.Range, error) {
	if r.table.has("CDSFileMapRegion", "_addr._base") {
		return r.archiveRegions()
	}
	if !r.table.has("FileMapInfo", "_current_info") {
		return nil, nil // JDK 8 exports nothing about archives
	}
	base, top, err := r.archiveBounds()
	if err != nil || base == 0 && top == 0 {
		return nil, err
	}
	return span(base, top, ranges.CDS)
}

// archiveBounds returns zeros if no archive is mapped.
func (r *Reader) archiveBounds() (base, top uint64, err error) {
	if base, err = r.static(fieldName{"MetaspaceObj", "_shared_metaspace_base"}, fieldName{"MetaspaceObj", "_aot_metaspace_base"}); err != nil {
		return 0, 0, err
	}
	top, err = r.static(fieldName{"MetaspaceObj", "_shared_metaspace_top"}, fieldName{"MetaspaceObj", "_aot_metaspace_top"})
	return base, top, err
}

// archiveRegions reads the regions of a JDK 11 archive, which has no bounds of
// its own.
func (r *Reader) archiveRegions() ([]ranges.Range, error) {
	if shared, err := r.flagTrue("UseSharedSpaces"); err != nil || !shared {
		return nil, err
	}
	info, err := r.static(fieldName{"FileMapInfo", "_current_info"})
	if err != nil || info == 0 {
		return nil, err
	}
	header, err := r.object(info, fieldName{"FileMapInfo", "_header"})
	if err != nil {
		return nil, err
	}
	at, err := r.table.offsets(fieldName{"FileMapHeader", "_space[0]"}, fieldName{"CDSFileMapRegion", "_addr._base"}, fieldName{"CDSFileMapRegion", "_used"})
	if err != nil {
		return nil, err
	}
	size := r.table.sizes["CDSFileMapRegion"]
	if size > maxEntryBytes {
		return nil, fmt.Errorf("implausible size of CDSFileMapRegion: %d", size)
	}
	var out []ranges.Range
	for i := range uint64(archiveRegions) {
		got, err := r.memory.words(header[0], at[0]+i*size+at[1], at[0]+i*size+at[2])
		if err != nil {
			return nil, err
		}
		base, used := got[0], got[1]
		if used == 0 {
			continue
		}
		if used >= addressLimit {
			return nil, fmt.Errorf("implausible archive region of %d bytes", used)
		}
		part, err := span(base, (base+used+pageBytes-1)/pageBytes*pageBytes, ranges.CDS)
		if err != nil {
			return nil, err
		}
		out = append(out, part...)
	}
	return out, nil
}
