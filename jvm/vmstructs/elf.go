package vmstructs

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jvmem/jvmem/jvm/elfimage"
)

// maxChain bounds the symbols of one hash bucket.
const maxChain = 1 << 14

// ErrNotHotSpot means that what is mapped at the base address is not HotSpot's
// libjvm.so, or a build that doesn't export its tables.
var ErrNotHotSpot = errors.New("no HotSpot tables")

// symbols are the exported names of the mapped libjvm.so.
type symbols struct {
	elfimage.Symbols
	library elfimage.Image
	image   *image
}

// openSymbols reads the library at base.
func openSymbols(m memory, base, unit, ahead uint64) (s *symbols, err error) {
	s = new(symbols)
	if s.library, err = elfimage.Open(m.read, base); err == nil {
		s.image = &image{memory: m, start: base, end: s.library.End, unit: unit, ahead: ahead, units: map[uint64][]byte{}, left: maxImageBytes}
		s.Symbols, err = s.library.Symbols(s.image.read)
	}
	if errors.Is(err, elfimage.ErrFormat) {
		err = fmt.Errorf("%w: %w", ErrNotHotSpot, err)
	}
	return s, err
}

// address returns the address of the named symbol.
func (s *symbols) address(name string) (uint64, error) {
	hash := uint32(5381)
	for _, c := range []byte(name) {
		hash = hash*33 + uint32(c)
	}
	var buf [elfimage.SymbolBytes]byte
	if err := s.image.read(s.Bucket(hash%s.Buckets), buf[:4]); err != nil {
		return 0, fmt.Errorf("hash bucket of symbol %s: %w", name, err)
	}
	index := binary.LittleEndian.Uint32(buf[:])
	for range maxChain {
		if index < s.First { // an empty bucket is 0
			break
		}
		if err := s.image.read(s.Link(index), buf[:4]); err != nil {
			return 0, fmt.Errorf("hash chain of symbol %s: %w", name, err)
		}
		link := binary.LittleEndian.Uint32(buf[:])
		if link|1 == hash|1 {
			if err := s.image.read(s.Table+elfimage.SymbolBytes*uint64(index), buf[:]); err != nil {
				return 0, fmt.Errorf("symbol %s: %w", name, err)
			}
			found, err := s.image.text(s.Names + uint64(binary.LittleEndian.Uint32(buf[:])))
			if err != nil {
				return 0, fmt.Errorf("symbol %s: %w", name, err)
			}
			value := binary.LittleEndian.Uint64(buf[8:])
			if found == name && value != 0 { // 0: imported
				return value + s.library.Bias, nil
			}
		}
		if link&1 != 0 {
			break
		}
		index++
	}
	return 0, fmt.Errorf("%w: symbol %s is not exported", ErrNotHotSpot, name)
}

// value reads the 8-byte variable that the named symbol stands for.
func (s *symbols) value(name string) (uint64, error) {
	address, err := s.address(name)
	if err != nil {
		return 0, err
	}
	var buf [8]byte
	if err := s.image.read(address, buf[:]); err != nil {
		return 0, fmt.Errorf("symbol %s: %w", name, err)
	}
	return binary.LittleEndian.Uint64(buf[:]), nil
}
