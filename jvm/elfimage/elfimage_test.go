package elfimage

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

// library is the smallest one: headers, a dynamic section and the head of a hash table.
func library() []byte {
	b := []byte(elf.ELFMAG + "\x02\x01") // 64 bits, little endian
	b = append(b, make([]byte, 0x140-len(b))...)
	for at, word := range map[int]uint64{
		32: 64, 48: 56 << 48, 56: 2, // two program headers
		64: uint64(elf.PT_LOAD) | uint64(elf.PF_R|elf.PF_W)<<32, 64 + 32: 0x140, 64 + 40: 0x1000,
		120: uint64(elf.PT_DYNAMIC), 120 + 16: 0xb0, 120 + 40: 3 * 16,
		0xb0: uint64(elf.DT_SYMTAB), 0xb8: 0xe0, 0xc0: uint64(elf.DT_STRTAB), 0xc8: 0x110,
		0xd0: uint64(elf.DT_GNU_HASH), 0xd8: 0x120, 0x120: 1 | 2<<32, 0x128: 1,
	} {
		binary.LittleEndian.PutUint64(b[at:], word)
	}
	return b
}

func TestOpen(t *testing.T) {
	const start = 0x10000
	read := func(address uint64, buf []byte) error {
		copy(buf, library()[address-start:])
		return nil
	}
	i, err := Open(read, start)
	if err != nil || i.Start != start || i.End != start+0x1000 || i.Bias != start || i.DataEnd != start+0x140 {
		t.Errorf("%+v, %v", i, err)
	}
	s, err := i.Symbols(read)
	if want := (Symbols{start + 0xe0, start + 0x110, start + 0x120, 1, 2, 1}); s != want || err != nil {
		t.Errorf("%+v, %v", s, err)
	}
	if bucket, link := s.Bucket(0), s.Link(3); bucket != s.Hash+24 || link != s.Hash+32 {
		t.Errorf("bucket at %#x, link at %#x", bucket, link)
	}
}

// FuzzOpen reads the headers of any content: what is found is of the library, or an error
// says why there is none.
func FuzzOpen(f *testing.F) {
	f.Add(library(), uint64(0x10000))
	f.Fuzz(func(t *testing.T, text []byte, start uint64) {
		read := func(address uint64, buf []byte) error {
			if at := address - start; at > uint64(len(text)) || copy(buf, text[at:]) < len(buf) {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		i, err := Open(read, start)
		if err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, io.ErrUnexpectedEOF) || i != (Image{}) {
				t.Errorf("%+v, %v", i, err)
			}
			return
		}
		if i.Start != start || i.End-i.Start > MaxBytes {
			t.Errorf("%+v", i)
		}
		s, err := i.Symbols(read)
		if err == nil && (!i.contains(s.Table) || !i.contains(s.Names) || !i.contains(s.Hash)) {
			t.Errorf("%+v in %+v", s, i)
		}
	})
}
