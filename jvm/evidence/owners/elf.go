package owners

import (
	"debug/elf"
	"encoding/binary"
)

const (
	maxSegments     = 64
	maxImageBytes   = 2 << 30 // of addresses
	maxDynamicBytes = 1 << 16
	maxBuckets      = 1 << 18
	maxChain        = 1 << 14
	maxSymbols      = 1 << 18
	maxSymbolBytes  = 256 // of a name
	// nearBytes is how far behind a symbol without a size an address may be.
	nearBytes = 256
)

// image is the dynamic symbol table of a mapped library, as the dynamic linker finds it
// (System V ABI, gABI chapter 5; DT_GNU_HASH). The file is not opened: it is the observed
// container's. All that is read is untrusted.
type image struct {
	low, high             uint64 // addresses the library was linked for
	symbols, names, count uint64
}

// readImage returns an empty image for what is no library.
func readImage(m *memory, base uint64) *image {
	var head [64]byte
	none := new(image)
	if m.read(base, head[:]) < len(head) || string(head[:4]) != elf.ELFMAG ||
		elf.Class(head[elf.EI_CLASS]) != elf.ELFCLASS64 || elf.Data(head[elf.EI_DATA]) != elf.ELFDATA2LSB {
		return none
	}
	offset, count := binary.LittleEndian.Uint64(head[32:]), int(binary.LittleEndian.Uint16(head[56:]))
	if binary.LittleEndian.Uint16(head[54:]) != 56 || count > maxSegments || offset >= maxImageBytes {
		return none
	}
	segments := make([]byte, 56*count)
	if m.read(base+offset, segments) < len(segments) {
		return none
	}
	i := image{low: addressLimit}
	var dynamic, dynamicBytes uint64
	for ; len(segments) > 0; segments = segments[56:] {
		address, size := binary.LittleEndian.Uint64(segments[16:]), binary.LittleEndian.Uint64(segments[40:])
		if address >= addressLimit || size > maxImageBytes {
			return none
		}
		switch elf.ProgType(binary.LittleEndian.Uint32(segments)) {
		case elf.PT_LOAD:
			i.low, i.high = min(i.low, address&^(pageSize-1)), max(i.high, address+size)
		case elf.PT_DYNAMIC:
			dynamic, dynamicBytes = address, size
		}
	}
	if i.high <= i.low || i.high-i.low > maxImageBytes {
		return none
	}
	if dynamic >= i.low && dynamic < i.high && dynamicBytes <= maxDynamicBytes {
		i.locate(m, base, base+dynamic-i.low, int(dynamicBytes/16))
	}
	return &i
}

// locate finds the tables in the dynamic section.
func (i *image) locate(m *memory, base, dynamic uint64, entries int) {
	words, ok := m.words(dynamic, 2*entries)
	if !ok {
		return
	}
	var hash uint64
	for ; len(words) > 1; words = words[2:] {
		address := words[1]
		if size := i.high - i.low; address < base || address-base >= size {
			if address -= i.low; address >= size {
				continue // glibc relocates these entries in place, musl leaves them
			}
			address += base
		}
		switch elf.DynTag(words[0]) {
		case elf.DT_SYMTAB:
			i.symbols = address
		case elf.DT_STRTAB:
			i.names = address
		case elf.DT_GNU_HASH:
			hash = address
		}
	}
	if i.symbols != 0 && i.names != 0 && hash != 0 {
		i.count = countSymbols(m, hash)
	}
}

// countSymbols follows the last chain of a hash table.
func countSymbols(m *memory, hash uint64) uint64 {
	var head [16]byte
	if m.read(hash, head[:]) < len(head) {
		return 0
	}
	buckets, first, bloom := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint32(head[8:])
	if buckets > maxBuckets {
		return 0
	}
	table, at := make([]byte, 4*buckets), hash+16+8*uint64(bloom)
	if m.read(at, table) < len(table) {
		return 0
	}
	var last uint32
	for b := table; len(b) > 0; b = b[4:] {
		last = max(last, binary.LittleEndian.Uint32(b))
	}
	if last < first || last > maxSymbols {
		return 0
	}
	chain := make([]byte, 4*maxChain)
	chain = chain[:m.read(at+uint64(len(table))+4*uint64(last-first), chain)]
	for ; len(chain) >= 4; chain = chain[4:] {
		last++
		if binary.LittleEndian.Uint32(chain)&1 != 0 {
			break
		}
	}
	return uint64(min(last, maxSymbols))
}

// end is where a library ends in memory, its .bss included; 0: unknown.
func (l *library) end(m *memory) uint64 {
	i := l.read(m)
	if i.high <= i.low {
		return 0
	}
	return (l.base + i.high - i.low + pageSize - 1) &^ (pageSize - 1)
}

func (l *library) read(m *memory) *image {
	if l.image == nil {
		l.image = readImage(m, l.base)
	}
	return l.image
}

// symbol returns the name of the exported function or variable at an address, "" if there
// is none.
func (l *library) symbol(m *memory, addr uint64) string {
	i := l.read(m)
	if i.count == 0 || addr < l.base {
		return ""
	}
	if linked := addr - l.base + i.low; linked < l.last.start || linked >= l.last.end {
		l.last = i.find(m, linked)
	}
	return l.last.name
}

// symbolSpan are the addresses of a symbol or, without a name, between two.
type symbolSpan struct {
	start, end uint64
	name       string
}

// find returns the span that an address is in.
func (i *image) find(m *memory, linked uint64) symbolSpan {
	span := symbolSpan{end: i.high}
	buf := make([]byte, 24*1024)
	var name uint64
	for n := uint64(0); n < i.count; {
		part := buf[:min(uint64(len(buf)), 24*(i.count-n))]
		got := m.read(i.symbols+24*n, part) / 24
		if got == 0 {
			break
		}
		for s := part[:24*got]; len(s) > 0; s = s[24:] {
			start, size := binary.LittleEndian.Uint64(s[8:]), binary.LittleEndian.Uint64(s[16:])
			if kind := elf.ST_TYPE(s[4]); start == 0 || start >= i.high || size > i.high || kind != elf.STT_FUNC && kind != elf.STT_OBJECT {
				continue
			}
			if size == 0 {
				size = nearBytes
			}
			switch {
			case start > linked:
				span.end = min(span.end, start)
			case start+size <= linked:
				span.start = max(span.start, start+size)
			case start > span.start || name == 0:
				span.start, span.end, name = max(span.start, start), min(span.end, start+size), i.names+uint64(binary.LittleEndian.Uint32(s))
			}
		}
		n += uint64(got)
	}
	if name != 0 {
		span.name = plainName(m.text(name, maxSymbolBytes))
	}
	return span
}
