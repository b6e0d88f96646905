package vmstructs

import (
	"fmt"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// cardTable is the one structure of a collector that can be found: a byte for
// each 512 of the heap. Mark bitmaps and offset tables are in no table.
func (r *Reader) cardTable() ([]ranges.Range, error) {
	carded := false
	for _, name := range cardTableCollectors() {
		used, err := r.flagTrue(name)
		if err != nil {
			return nil, err
		}
		carded = carded || used
	}
	if !carded {
		return nil, nil
	}
	table, class, err := r.cardTableObject()
	if err != nil {
		return nil, err
	}
	got, err := r.object(table, fieldName{class, "_byte_map"}, fieldName{class, "_byte_map_size"})
	if err != nil {
		return nil, err
	}
	start, size := got[0], got[1]
	if size >= addressLimit {
		return nil, fmt.Errorf("implausible size %d", size)
	}
	return span(start, start+size, ranges.GC)
}

// cardTableObject returns the object's address and class. JDK 8 has it as the
// barrier set itself.
func (r *Reader) cardTableObject() (uint64, string, error) {
	if r.table.has("CollectedHeap", "_barrier_set") {
		heap, err := r.static(fieldName{"Universe", "_collectedHeap"})
		if err != nil {
			return 0, "", err
		}
		set, err := r.object(heap, fieldName{"CollectedHeap", "_barrier_set"})
		if err != nil {
			return 0, "", err
		}
		return set[0], "CardTableModRefBS", nil
	}
	barriers, err := r.static(fieldName{"BarrierSet", "_barrier_set"})
	if err != nil {
		return 0, "", err
	}
	table, err := r.object(barriers, fieldName{"CardTableBarrierSet", "_card_table"})
	if err != nil {
		return 0, "", err
	}
	return table[0], "CardTable", nil
}
