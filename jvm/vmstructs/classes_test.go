package vmstructs

import (
	"encoding/binary"
	"strings"
	"testing"
)

// memoryAt is memory from an address on.
type memoryAt struct {
	start uint64
	bytes []byte
}

func (m memoryAt) ReadAt(buf []byte, offset int64) (int, error) {
	if at := uint64(offset) - m.start; at < uint64(len(m.bytes)) {
		if n := copy(buf, m.bytes[at:]); n == len(buf) {
			return n, nil
		}
	}
	return 0, ErrGone
}

// Where the classes of TestHolder are.
const (
	classesAt, symbolsAt = 0x10000, 0x10800
	peerClass, longClass = 0x100, 0x200 // behind classesAt
	fullHeader           = 16
)

// fakeClasses has a class with objects of 32 bytes, and arrays of long.
func fakeClasses() *Classes {
	b := make([]byte, 4096)
	put := func(class, symbol uint64, layout int32, name string) {
		binary.LittleEndian.PutUint64(b[class+8:], symbolsAt+symbol)
		binary.LittleEndian.PutUint32(b[class+4:], uint32(layout))
		binary.LittleEndian.PutUint16(b[symbolsAt-classesAt+symbol:], uint16(len(name)))
		copy(b[symbolsAt-classesAt+symbol+6:], name)
	}
	put(peerClass, 0, 32, "com/acme/Peer")
	put(longClass, 64, -1<<30|fullHeader<<16|3, "[J") // typeArray, first element, log2 of its size
	return &Classes{
		memory: memory{memoryAt{classesAt, b}}, narrow: true, base: classesAt, layout: 4, name: 8, body: 6,
		known: make(map[uint64]class),
	}
}

func TestHolder(t *testing.T) {
	words := func(w ...uint64) (b []byte) {
		for _, v := range w {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		return b
	}
	const mark = 1
	array := words(mark, longClass|4<<32, 1, 2, 3, 4)
	tests := map[string]struct {
		before  []byte
		compact bool
		full    bool
		name    string
		offset  uint64
	}{
		"the first field":          {before: words(mark, peerClass, 7), name: "com.acme.Peer", offset: 16},
		"the last":                 {before: words(9, mark, peerClass, 7, 8), name: "com.acme.Peer", offset: 24},
		"behind the object":        {before: words(mark, peerClass, 7, 8, 9)},
		"an element":               {before: array, name: "[J", offset: 40},
		"behind the array":         {before: append(array, 0, 0, 0, 0, 0, 0, 0, 0)},
		"a full class pointer":     {before: words(mark, classesAt+peerClass, 7), full: true, name: "com.acme.Peer", offset: 16},
		"a compact header":         {before: words(peerClass<<compactShift|mark, 7), compact: true, name: "com.acme.Peer", offset: 8},
		"a copy that was moved":    {before: words(0x7000|3, peerClass, 7)},
		"no class at that address": {before: words(mark, 0x300, 7)},
		"far behind a header":      {before: append(words(mark, longClass|100<<32), make([]byte, 792)...), name: "[J", offset: 800},
		"far behind a locked one":  {before: append(words(2, longClass|100<<32), make([]byte, 792)...)},
		"nothing before":           {before: words(7)},
		"less than a word":         {before: []byte{1, 2, 3}},
	}
	for name, test := range tests {
		c := fakeClasses()
		c.compact, c.narrow = test.compact, !test.full
		got, ok := c.Holder(0x5000, test.before)
		if got.Class != test.name || ok != (test.name != "") || ok && (0x5000-got.Start != test.offset || got.End < 0x5008) {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
}

func FuzzHolder(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0}, []byte("com/acme/Peer"), uint8(0))
	f.Fuzz(func(t *testing.T, before, classes []byte, header uint8) {
		c := fakeClasses()
		c.memory = memory{memoryAt{classesAt, classes}}
		c.compact, c.narrow = header&1 != 0, header&2 == 0
		o, ok := c.Holder(0x5000, before)
		if ok != (o.Class != "") || len(o.Class) > maxNameBytes || ok && (0x5000-o.Start >= uint64(len(before)) || o.End < 0x5008) || strings.ContainsAny(o.Class, "\n\x1b\x00 ") {
			t.Errorf("%+v, %v", o, ok)
		}
	})
}
