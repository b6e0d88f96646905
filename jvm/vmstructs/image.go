package vmstructs

import (
	"bytes"
	"errors"
	"fmt"
)

const (
	// pageBytes divides the size of a page on each machine.
	pageBytes = 4096
	// aheadPages is the size of one read of the library: the strings of the
	// tables lie close together.
	aheadPages = 16
	// maxImageBytes bounds what Open reads of the library. A release build
	// needs 2 MiB.
	maxImageBytes = 16 << 20
	maxNameBytes  = 256
)

// image is the mapped libjvm.so, read in large pieces that are kept until Open returns.
type image struct {
	memory     memory
	start, end uint64
	unit       uint64 // what is fetched and kept as one
	ahead      uint64 // units fetched at once
	units      map[uint64][]byte
	left       uint64 // bytes that may still be fetched
}

// contains reports whether n bytes at address belong to the library.
func (v *image) contains(address, n uint64) bool {
	return address >= v.start && address < v.end && n <= v.end-address
}

// fetch returns the unit that contains address.
func (v *image) fetch(address uint64) ([]byte, error) {
	first := address - address%v.unit
	if unit, ok := v.units[first]; ok {
		return unit, nil
	}
	size := min(v.unit*v.ahead, (v.end-first+v.unit-1)/v.unit*v.unit)
	if v.left < size {
		return nil, fmt.Errorf("the tables of libjvm.so are spread over more than %d bytes", maxImageBytes)
	}
	v.left -= size
	buf := make([]byte, size)
	n, err := v.memory.readSome(first, buf)
	if uint64(n) < v.unit {
		return nil, err
	}
	for at := uint64(0); at+v.unit <= uint64(n); at += v.unit {
		v.units[first+at] = buf[at : at+v.unit]
	}
	return v.units[first], nil
}

// read fills buf from address.
func (v *image) read(address uint64, buf []byte) error {
	if !v.contains(address, uint64(len(buf))) {
		return fmt.Errorf("address %#x is outside of libjvm.so", address)
	}
	for len(buf) > 0 {
		unit, err := v.fetch(address)
		if err != nil {
			return err
		}
		n := copy(buf, unit[address%v.unit:])
		buf, address = buf[n:], address+uint64(n)
	}
	return nil
}

// text reads a C string.
func (v *image) text(address uint64) (string, error) {
	var out []byte
	for len(out) <= maxNameBytes {
		at := address + uint64(len(out))
		if !v.contains(at, 1) {
			return "", fmt.Errorf("string at %#x is outside of libjvm.so", address)
		}
		unit, err := v.fetch(at)
		if err != nil {
			return "", err
		}
		rest := unit[at%v.unit:]
		if i := bytes.IndexByte(rest, 0); i >= 0 {
			rest = rest[:i]
			if len(out)+i > maxNameBytes {
				break
			}
			return string(append(out, rest...)), nil
		}
		out = append(out, rest...)
	}
	return "", errors.New("name in libjvm.so without an end")
}
