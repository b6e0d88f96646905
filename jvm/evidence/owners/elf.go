package owners

import (
	"debug/elf"
	"encoding/binary"

	"github.com/jvmem/jvmem/jvm/elfimage"
)

const (
	maxBuckets     = 1 << 18
	maxChain       = 1 << 14
	maxSymbols     = 1 << 18
	maxSymbolBytes = 256 // of a name
	// nearBytes is how far behind a symbol without a size an address may be.
	nearBytes = 256
)

// image is a mapped library with its exported names.
type image struct {
	elfimage.Image
	elfimage.Symbols
	count uint64 // of symbols
}

// readImage returns an empty image for what is no library.
func readImage(m *memory, base uint64) (i image) {
	var err error
	if i.Image, err = elfimage.Open(m.fill, base); err != nil {
		return i
	}
	if i.Symbols, err = i.Image.Symbols(m.fill); err == nil {
		i.count = i.countSymbols(m)
	}
	return i
}

// countSymbols follows the last chain of the hash table.
func (i *image) countSymbols(m *memory) uint64 {
	if i.Buckets > maxBuckets {
		return 0
	}
	table := make([]byte, 4*i.Buckets)
	if m.fill(i.Bucket(0), table) != nil {
		return 0
	}
	var last uint32
	for ; len(table) > 0; table = table[4:] {
		last = max(last, binary.LittleEndian.Uint32(table))
	}
	if last < i.First || last > maxSymbols {
		return 0
	}
	chain := make([]byte, 4*maxChain)
	chain = chain[:m.read(i.Link(last), chain)]
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
	return (l.read(m).End + m.page - 1) &^ (m.page - 1)
}

func (l *library) read(m *memory) *image {
	if l.image == nil {
		i := readImage(m, l.base)
		l.image = &i
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
	if addr < l.last.start || addr >= l.last.end {
		l.last = i.find(m, addr)
	}
	return l.last.name
}

// symbolSpan are the addresses of a symbol or, without a name, between two.
type symbolSpan struct {
	start, end uint64
	name       string
}

// find returns the span that an address is in.
func (i *image) find(m *memory, addr uint64) symbolSpan {
	const entry = elfimage.SymbolBytes
	span := symbolSpan{end: i.End}
	buf := make([]byte, entry*1024)
	var name uint64
	for n := uint64(0); n < i.count; {
		part := buf[:min(uint64(len(buf)), entry*(i.count-n))]
		got := m.read(i.Table+entry*n, part) / entry
		if got == 0 {
			break
		}
		for s := part[:entry*got]; len(s) > 0; s = s[entry:] {
			start, size := binary.LittleEndian.Uint64(s[8:]), binary.LittleEndian.Uint64(s[16:])
			if kind := elf.ST_TYPE(s[4]); start == 0 || start+i.Bias >= i.End || size > i.End-i.Start || kind != elf.STT_FUNC && kind != elf.STT_OBJECT {
				continue
			}
			if size == 0 {
				size = nearBytes
			}
			start += i.Bias
			switch {
			case start > addr:
				span.end = min(span.end, start)
			case start+size <= addr:
				span.start = max(span.start, start+size)
			case start > span.start || name == 0:
				span.start, span.end, name = max(span.start, start), min(span.end, start+size), i.Names+uint64(binary.LittleEndian.Uint32(s))
			}
		}
		n += uint64(got)
	}
	if name != 0 {
		span.name = plainName(m.text(name, maxSymbolBytes))
	}
	return span
}
