// Package elfimage finds the symbol table of a library in the memory of a process, as the
// dynamic linker finds it: through the program headers and the dynamic section (System V
// ABI, gABI chapter 5; GNU's hash table, DT_GNU_HASH). The file is not needed: the library
// may have been replaced or deleted on disk, and the observed container controls its path.
//
// All that is read is untrusted: every size is bounded, every table begins in the library.
// Only 64-bit little-endian libraries are read.
package elfimage

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// MaxBytes bounds the addresses of a library. A slow debug build of libjvm.so has some
	// 100 MiB mapped.
	MaxBytes = 2 << 30
	// SymbolBytes is the size of an entry of the symbol table (Elf64_Sym).
	SymbolBytes = 24

	maxSegments     = 64 // program headers; libjvm.so has 8 to 12
	maxDynamicBytes = 1 << 16
	addressLimit    = 1 << 56 // above every user address
)

// ErrFormat means that no library that can be read is there, or none with a symbol table.
var ErrFormat = errors.New("no ELF library with symbols")

// ReadFunc fills buf from an address of the process.
type ReadFunc func(address uint64, buf []byte) error

// Image is where a library is in memory.
type Image struct {
	Start, End uint64 // .bss included; End may be inside of a page
	// Bias is what to add to an address that the library was linked for.
	Bias uint64
	// DataStart and DataEnd bound the variables that are in the file, without those that
	// are constant once relocated (RELRO).
	DataStart, DataEnd uint64

	dynamic, dynamicBytes uint64
}

// Symbols is where the tables of exported names are in memory.
type Symbols struct {
	Table, Names, Hash    uint64
	Buckets, First, bloom uint32
}

// Open reads the headers of the library whose first byte is at start. The error is
// ErrFormat, or of read.
func Open(read ReadFunc, start uint64) (Image, error) {
	var head [64]byte
	if err := read(start, head[:]); err != nil {
		return Image{}, fmt.Errorf("ELF header: %w", err)
	}
	if string(head[:4]) != elf.ELFMAG {
		return Image{}, fmt.Errorf("%w: no ELF header at %#x", ErrFormat, start)
	}
	if elf.Class(head[elf.EI_CLASS]) != elf.ELFCLASS64 || elf.Data(head[elf.EI_DATA]) != elf.ELFDATA2LSB {
		return Image{}, fmt.Errorf("%w: only 64-bit little-endian libraries are read", ErrFormat)
	}
	offset, count := binary.LittleEndian.Uint64(head[32:]), uint64(binary.LittleEndian.Uint16(head[56:]))
	if size := binary.LittleEndian.Uint16(head[54:]); size != 56 || count > maxSegments || offset >= MaxBytes {
		return Image{}, fmt.Errorf("%w: implausible ELF program headers", ErrFormat)
	}
	segments := make([]byte, count*56)
	if err := read(start+offset, segments); err != nil {
		return Image{}, fmt.Errorf("ELF program headers: %w", err)
	}
	return place(segments, start)
}

// place reads the program headers.
func place(segments []byte, start uint64) (Image, error) {
	low, high, dynamic, dynamicBytes := uint64(addressLimit), uint64(0), uint64(0), uint64(0)
	var offset uint64 // of the lowest segment in the file
	var data, dataBytes, constant uint64
	for ; len(segments) > 0; segments = segments[56:] {
		address, size := binary.LittleEndian.Uint64(segments[16:]), binary.LittleEndian.Uint64(segments[40:])
		if address >= addressLimit || size > MaxBytes {
			return Image{}, fmt.Errorf("%w: implausible ELF segment", ErrFormat)
		}
		switch elf.ProgType(binary.LittleEndian.Uint32(segments)) {
		case elf.PT_LOAD:
			if address < low {
				low, offset = address, binary.LittleEndian.Uint64(segments[8:])
			}
			high = max(high, address+size)
			if elf.ProgFlag(binary.LittleEndian.Uint32(segments[4:]))&elf.PF_W != 0 {
				data, dataBytes = address, min(size, binary.LittleEndian.Uint64(segments[32:]))
			}
		case elf.PT_GNU_RELRO:
			constant = address + size
		case elf.PT_DYNAMIC:
			dynamic, dynamicBytes = address, size
		}
	}
	if offset > low { // the file is mapped from its first byte on
		return Image{}, fmt.Errorf("%w: implausible ELF segments", ErrFormat)
	}
	if low -= offset; high <= low || high-low > MaxBytes {
		return Image{}, fmt.Errorf("%w: implausible ELF segments", ErrFormat)
	}
	bias := start - low
	i := Image{Start: start, End: high + bias, Bias: bias, dynamic: dynamic + bias, dynamicBytes: dynamicBytes}
	if data >= low {
		i.DataStart, i.DataEnd = max(data, (constant+7)&^7)+bias, data+dataBytes+bias
	}
	return i, nil
}

// contains reports whether an address is of the library.
func (i *Image) contains(address uint64) bool { return address-i.Start < i.End-i.Start }

// Symbols finds the tables in the dynamic section. The error is ErrFormat, or of read.
func (i *Image) Symbols(read ReadFunc) (Symbols, error) {
	if !i.contains(i.dynamic) || i.dynamicBytes > maxDynamicBytes {
		return Symbols{}, fmt.Errorf("%w: implausible ELF dynamic section", ErrFormat)
	}
	entries := make([]byte, i.dynamicBytes/16*16)
	if err := read(i.dynamic, entries); err != nil {
		return Symbols{}, fmt.Errorf("ELF dynamic section: %w", err)
	}
	var s Symbols
	for ; len(entries) > 0; entries = entries[16:] {
		address := binary.LittleEndian.Uint64(entries[8:])
		if !i.contains(address) {
			address += i.Bias // glibc relocates these entries in place, musl leaves them
		}
		if !i.contains(address) {
			continue
		}
		switch elf.DynTag(binary.LittleEndian.Uint64(entries)) {
		case elf.DT_SYMTAB:
			s.Table = address
		case elf.DT_STRTAB:
			s.Names = address
		case elf.DT_GNU_HASH:
			s.Hash = address
		}
	}
	if s.Table == 0 || s.Names == 0 || s.Hash == 0 {
		return Symbols{}, fmt.Errorf("%w: no ELF symbol table with a DT_GNU_HASH", ErrFormat)
	}
	var head [16]byte
	if err := read(s.Hash, head[:]); err != nil {
		return Symbols{}, fmt.Errorf("ELF hash table: %w", err)
	}
	s.Buckets, s.First, s.bloom = binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint32(head[8:])
	if s.Buckets == 0 {
		return Symbols{}, fmt.Errorf("%w: empty ELF hash table", ErrFormat)
	}
	return s, nil
}

// Bucket returns where the first symbol of a bucket is: a 4-byte index.
func (s *Symbols) Bucket(n uint32) uint64 { return s.Hash + 16 + 8*uint64(s.bloom) + 4*uint64(n) }

// Link returns where the hash of a symbol is, from First on: 4 bytes, whose lowest bit is 1
// in the last symbol of a bucket.
func (s *Symbols) Link(index uint32) uint64 { return s.Bucket(s.Buckets) + 4*uint64(index-s.First) }
