package vmstructs

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// FuzzName reads a name from a heap of any content: it is returned only if it fits, and the
// work is bounded.
func FuzzName(f *testing.F) {
	const start = 0x10000
	fits := func(name string) bool { return strings.HasPrefix(name, "named-") }
	on := func(heap []byte, wide, chars bool) (*objects, *counted) {
		source := &counted{source: &recording{pieces: []piece{{start, heap}}}}
		return &objects{memory: memory{source}, narrow: !wide, colored: wide, chars: chars}, source
	}
	// A java.lang.Thread at 64, whose field at 16 is a String at 128, whose field at 12 is
	// an array at 192.
	heap := make([]byte, 256)
	for at, word := range map[int]uint32{64 + 16: start + 128, 128 + 12: start + 192, 192 + 12: 7} {
		binary.LittleEndian.PutUint32(heap[at:], word)
	}
	copy(heap[192+16:], "named-1")
	h, _ := on(heap, false, false)
	if name, layout, err := h.search(start+64, fits); err != nil || name != "named-1" || layout != (nameLayout{16, 12, 12, 16}) {
		f.Fatalf("name %q by %+v, %v", name, layout, err)
	}
	f.Add(heap, uint16(64), false, false)
	f.Add(bytes.Repeat([]byte{0, 0, 1, 0}, 64), uint16(0), false, false)
	f.Add(bytes.Repeat([]byte{0, 0, 1, 0, 0, 0, 0, 0}, 64), uint16(8), true, true)
	f.Fuzz(func(t *testing.T, heap []byte, thread uint16, wide, chars bool) {
		h, source := on(heap, wide, chars)
		name, layout, err := h.search(start+uint64(thread), fits)
		if source.bytes > 2000*maxJavaName {
			t.Errorf("the search read %d bytes", source.bytes)
		}
		if err != nil {
			return
		}
		if again, err := h.nameBy(start+uint64(thread), layout, fits); !fits(name) || err != nil || again != name {
			t.Errorf("found %q, then by %+v %q, %v", name, layout, again, err)
		}
	})
}

// TestColoredReferences: bits 12 to 15 tell how far the address is shifted, by 13 to 16
// (gc/z/zAddress.hpp).
func TestColoredReferences(t *testing.T) {
	h := objects{colored: true}
	for shift := range 4 {
		const address = 0x4000_0043_5e20
		reference := uint64(address)<<(13+shift) | 1<<(12+shift) | 0xa30
		if got := h.address(reference); got != address {
			t.Errorf("%#x is %#x", reference, got)
		}
	}
	if got := h.address(0x0a30); got != 0 {
		t.Errorf("null is %#x", got)
	}
}
