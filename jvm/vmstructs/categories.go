package vmstructs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

const (
	// maxCategories is more than HotSpot has; fewestCategories is less than JDK 8 has.
	maxCategories, fewestCategories = 64, 12
	maxDataBytes                    = 4 << 20 // of libjvm.so's variables: JDK 17 has 210 KiB
	// maxProbes bounds the texts that are looked at.
	maxProbes = 1 << 13
)

// ErrNoCategories means that the table of NMT's categories was not found.
var ErrNoCategories = errors.New("no names of NMT's categories found")

// Categories returns the names of Native Memory Tracking's categories, as in its report, by
// their number (MEMFLAGS; MemTag from JDK 24 on). They are the texts of an array in
// NMTUtil (services/nmtCommon.cpp; nmt/nmtCommon.cpp), which is not exported: it is the one
// that begins with "Java Heap" and "Class". Newer JDKs have the name of its constant before
// each (17 has not, 21 has). The error wraps ErrNoCategories.
func (r *Reader) Categories() ([]string, error) {
	if r.dataEnd <= r.dataStart || r.dataEnd-r.dataStart > maxDataBytes {
		return nil, fmt.Errorf("%w: implausible variables of libjvm.so", ErrNoCategories)
	}
	data := make([]byte, r.dataEnd-r.dataStart)
	n, err := r.memory.readSome(r.dataStart, data)
	if n < len(data) {
		return nil, fmt.Errorf("%w: %w", ErrNoCategories, err)
	}
	// The texts are spread over some 250 pages.
	constants := &image{memory: r.memory, start: r.start, end: r.dataStart, unit: pageBytes, ahead: 1, units: map[uint64][]byte{}, left: maxImageBytes}
	var first [len("Java Heap") + 1]byte
	for probes, texts := 0, pointers(data, r.start, r.dataStart); len(texts) >= fewestCategories; texts = texts[1:] {
		if texts[0] == 0 {
			continue
		}
		if probes++; probes > maxProbes {
			break
		}
		if constants.read(texts[0], first[:]) != nil || string(first[:]) != "Java Heap\x00" {
			continue
		}
		for step := 1; step <= 2; step++ {
			if names := categories(constants, texts, step); len(names) >= fewestCategories {
				return names, nil
			}
		}
	}
	return nil, ErrNoCategories
}

// pointers returns the words of data: 0 for those that are no pointers into what precedes
// the variables, or have too few of these around them to be in the array.
func pointers(data []byte, start, end uint64) []uint64 {
	words := make([]uint64, len(data)/8)
	first := 0
	for i := range words {
		if word := binary.LittleEndian.Uint64(data[8*i:]); word >= start && word < end {
			words[i] = word
			continue
		}
		if i-first < fewestCategories {
			clear(words[first:i])
		}
		first = i + 1
	}
	return words
}

// categories returns every text at that step, up to the last category.
func categories(constants *image, texts []uint64, step int) (names []string) {
	for i := 0; i < len(texts) && len(names) < maxCategories; i += step {
		name, err := constants.text(texts[i])
		if err != nil || len(names) == 1 && name != "Class" || !isCategory(name) {
			return nil
		}
		if names = append(names, name); name == "Unknown" {
			return names
		}
	}
	return nil
}

// isCategory reports whether a category may have that name.
func isCategory(name string) bool {
	return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 -/_()") == ""
}
