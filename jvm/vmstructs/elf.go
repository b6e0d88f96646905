package vmstructs

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	maxSegments     = 64      // program headers; libjvm.so has 8 to 12
	maxLibraryBytes = 2 << 30 // a slow debug build has some 100 MiB mapped
	maxDynamicBytes = 1 << 16
	maxChain        = 1 << 14 // symbols of one hash bucket
)

// ErrNotHotSpot means that what is mapped at the base address is not HotSpot's
// libjvm.so, or a build that doesn't export its tables.
var ErrNotHotSpot = errors.New("no HotSpot tables")

// symbols is the dynamic symbol table of the mapped library, found through its program
// headers as the dynamic linker finds it. The file is not needed: the library may have
// been replaced or deleted on disk, and the observed container controls its path.
type symbols struct {
	image                 *image
	low                   uint64 // the address that the library was linked for
	table, names, hash    uint64
	buckets, first, bloom uint32
	// dataStart and dataEnd bound the variables that are in the file, without those that
	// are constant once relocated (RELRO).
	dataStart, dataEnd uint64
}

// openSymbols reads the ELF header at base.
func openSymbols(m memory, base, unit, ahead uint64) (*symbols, error) {
	var head [64]byte
	if err := m.read(base, head[:]); err != nil {
		return nil, fmt.Errorf("ELF header: %w", err)
	}
	if string(head[:4]) != elf.ELFMAG {
		return nil, fmt.Errorf("%w: no ELF header at %#x", ErrNotHotSpot, base)
	}
	if elf.Class(head[elf.EI_CLASS]) != elf.ELFCLASS64 || elf.Data(head[elf.EI_DATA]) != elf.ELFDATA2LSB {
		return nil, fmt.Errorf("%w: only 64-bit little-endian libraries are read", ErrNotHotSpot)
	}
	offset, count := binary.LittleEndian.Uint64(head[32:]), uint64(binary.LittleEndian.Uint16(head[56:]))
	if size := binary.LittleEndian.Uint16(head[54:]); size != 56 || count > maxSegments || offset >= maxLibraryBytes {
		return nil, fmt.Errorf("%w: implausible ELF program headers", ErrNotHotSpot)
	}
	segments := make([]byte, count*56)
	if err := m.read(base+offset, segments); err != nil {
		return nil, fmt.Errorf("ELF program headers: %w", err)
	}
	low, high, dynamic, dynamicBytes := uint64(addressLimit), uint64(0), uint64(0), uint64(0)
	var data, dataBytes, constant uint64
	for ; len(segments) > 0; segments = segments[56:] {
		address, size := binary.LittleEndian.Uint64(segments[16:]), binary.LittleEndian.Uint64(segments[40:])
		if address >= addressLimit || size > maxLibraryBytes {
			return nil, fmt.Errorf("%w: implausible ELF segment", ErrNotHotSpot)
		}
		switch elf.ProgType(binary.LittleEndian.Uint32(segments)) {
		case elf.PT_LOAD:
			low, high = min(low, address), max(high, address+size)
			if elf.ProgFlag(binary.LittleEndian.Uint32(segments[4:]))&elf.PF_W != 0 {
				data, dataBytes = address, min(size, binary.LittleEndian.Uint64(segments[32:]))
			}
		case elf.PT_GNU_RELRO:
			constant = address + size
		case elf.PT_DYNAMIC:
			dynamic, dynamicBytes = address, size
		}
	}
	low -= low % pageBytes
	if high <= low || high-low > maxLibraryBytes || dynamic < low || dynamicBytes > maxDynamicBytes {
		return nil, fmt.Errorf("%w: implausible ELF segments", ErrNotHotSpot)
	}
	v := &image{memory: m, start: base, end: base + (high - low), unit: unit, ahead: ahead, units: map[uint64][]byte{}, left: maxImageBytes}
	s := &symbols{image: v, low: low}
	if data >= low {
		s.dataStart, s.dataEnd = base+(max(data, (constant+7)&^7)-low), base+(data-low)+dataBytes
	}
	entries := make([]byte, dynamicBytes/16*16)
	if err := v.read(base+(dynamic-low), entries); err != nil {
		return nil, fmt.Errorf("ELF dynamic section: %w", err)
	}
	return s, s.locate(entries)
}

// locate finds the symbol, string and hash tables in the dynamic section.
func (s *symbols) locate(entries []byte) error {
	for ; len(entries) > 0; entries = entries[16:] {
		value := binary.LittleEndian.Uint64(entries[8:])
		// glibc relocates these entries in place, musl leaves them.
		address := value
		if !s.image.contains(address, 1) {
			address = s.image.start + (value - s.low)
		}
		switch elf.DynTag(binary.LittleEndian.Uint64(entries)) {
		case elf.DT_SYMTAB:
			s.table = address
		case elf.DT_STRTAB:
			s.names = address
		case elf.DT_GNU_HASH:
			s.hash = address
		}
	}
	if s.table == 0 || s.names == 0 || s.hash == 0 {
		return fmt.Errorf("%w: no ELF symbol table with a DT_GNU_HASH", ErrNotHotSpot)
	}
	var head [16]byte
	if err := s.image.read(s.hash, head[:]); err != nil {
		return fmt.Errorf("ELF hash table: %w", err)
	}
	s.buckets, s.first, s.bloom = binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint32(head[8:])
	if s.buckets == 0 {
		return fmt.Errorf("%w: empty ELF hash table", ErrNotHotSpot)
	}
	return nil
}

// address returns the address of the named symbol.
func (s *symbols) address(name string) (uint64, error) {
	hash := uint32(5381)
	for _, c := range []byte(name) {
		hash = hash*33 + uint32(c)
	}
	var buf [24]byte
	buckets := s.hash + 16 + 8*uint64(s.bloom)
	if err := s.image.read(buckets+4*uint64(hash%s.buckets), buf[:4]); err != nil {
		return 0, fmt.Errorf("hash bucket of symbol %s: %w", name, err)
	}
	index := binary.LittleEndian.Uint32(buf[:])
	chains := buckets + 4*uint64(s.buckets)
	for range maxChain {
		if index < s.first { // an empty bucket is 0
			break
		}
		if err := s.image.read(chains+4*uint64(index-s.first), buf[:4]); err != nil {
			return 0, fmt.Errorf("hash chain of symbol %s: %w", name, err)
		}
		link := binary.LittleEndian.Uint32(buf[:])
		if link|1 == hash|1 {
			if err := s.image.read(s.table+24*uint64(index), buf[:]); err != nil {
				return 0, fmt.Errorf("symbol %s: %w", name, err)
			}
			found, err := s.image.text(s.names + uint64(binary.LittleEndian.Uint32(buf[:])))
			if err != nil {
				return 0, fmt.Errorf("symbol %s: %w", name, err)
			}
			value := binary.LittleEndian.Uint64(buf[8:])
			if found == name && value != 0 { // 0: imported
				return s.image.start + (value - s.low), nil
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
