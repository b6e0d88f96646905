package vmstructs

import (
	"encoding/binary"
	"io"
	"strings"
	"testing"
)

// counted counts what is read through it.
type counted struct {
	source       io.ReaderAt
	calls, bytes int64
}

func (c *counted) ReadAt(buf []byte, offset int64) (int, error) {
	c.calls++
	c.bytes += int64(len(buf))
	return c.source.ReadAt(buf, offset)
}

// poke overwrites a word of the recorded memory.
func (m *recording) poke(t testing.TB, address, value uint64) {
	t.Helper()
	at := m.at(address)
	if len(at) < 8 {
		t.Fatalf("%#x was not recorded", address)
	}
	binary.LittleEndian.PutUint64(at, value)
}

// poke32 overwrites an int.
func (m *recording) poke32(t testing.TB, address uint64, value uint32) {
	t.Helper()
	at := m.at(address)
	if len(at) < 4 {
		t.Fatalf("%#x was not recorded", address)
	}
	binary.LittleEndian.PutUint32(at, value)
}

// word reads a word of the recorded memory.
func (m *recording) word(t testing.TB, address uint64) uint64 {
	t.Helper()
	out, err := memory{m}.word(address)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func openRecording(t testing.TB, m *recording) *Reader {
	t.Helper()
	r, err := open(m, Options{Base: m.base, Flags: replayFlags()}, recordUnit, 1)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestOpenHostile corrupts what Open reads.
func TestOpenHostile(t *testing.T) {
	whole := loadRecording(t, "jdk17-g1")
	good, err := openSymbols(memory{whole}, whole.base, recordUnit, 1)
	if err != nil {
		t.Fatal(err)
	}
	symbol := func(name string) uint64 {
		address, err := good.address(name)
		if err != nil {
			t.Fatal(err)
		}
		return address
	}
	reader := openRecording(t, whole)
	static := func(class, name string) uint64 {
		address, err := reader.table.static(fieldName{class, name})
		if err != nil {
			t.Fatal(err)
		}
		return address
	}
	tests := []struct {
		name    string
		corrupt func(m *recording)
		want    string
	}{
		{"no ELF", func(m *recording) { m.poke32(t, m.base, 0) }, "no ELF header"},
		{"32 bit", func(m *recording) { m.at(m.base)[4] = 1 }, "64-bit"},
		{"many segments", func(m *recording) { m.at(m.base)[57] = 0xff }, "program headers"},
		{"far program headers", func(m *recording) { m.poke(t, m.base+32, 1<<63) }, "program headers"},
		{"huge segment", func(m *recording) { m.poke(t, m.base+64+40, 1<<62) }, "segment"},
		{"no hash buckets", func(m *recording) { m.poke32(t, good.Hash, 0) }, "hash table"},
		{"far hash buckets", func(m *recording) { m.poke32(t, good.Hash+8, 1<<31) }, "outside of libjvm.so"},
		{"null table", func(m *recording) { m.poke(t, symbol("gHotSpotVMStructs"), 0) }, "outside of libjvm.so"},
		{"table elsewhere", func(m *recording) { m.poke(t, symbol("gHotSpotVMStructs"), 0x7000_0000_0000) }, "outside of libjvm.so"},
		{"stride 0", func(m *recording) { m.poke(t, symbol("gHotSpotVMStructEntryArrayStride"), 0) }, "rows of 0 bytes"},
		{"stride huge", func(m *recording) { m.poke(t, symbol("gHotSpotVMStructEntryArrayStride"), 1<<60) }, "rows of"},
		{"column outside", func(m *recording) { m.poke(t, symbol("gHotSpotVMStructEntryAddressOffset"), 1<<63) }, "column Address"},
		{"name elsewhere", func(m *recording) { m.poke(t, whole.word(t, symbol("gHotSpotVMStructs")), 0x1000) }, "outside of libjvm.so"},
		{"many flags", func(m *recording) { m.poke(t, static("JVMFlag", "numFlags"), 1<<40) }, "implausible table"},
		{"flags elsewhere", func(m *recording) { m.poke(t, static("JVMFlag", "flags"), 0) }, "outside of libjvm.so"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := whole.clone()
			test.corrupt(m)
			source := &counted{source: m}
			_, err := open(source, Options{Base: m.base}, recordUnit, 1)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if source.bytes > maxImageBytes+1<<20 {
				t.Errorf("%d bytes read", source.bytes)
			}
		})
	}
}

// filled is a recording without holes: a word that was not recorded is what
// fill says.
type filled struct {
	*recording
	fill func(address uint64) uint64
}

func (f filled) ReadAt(buf []byte, offset int64) (int, error) {
	start := uint64(offset) &^ 7
	end := uint64(offset) + uint64(len(buf))
	words := make([]byte, 0, len(buf)+16)
	for at := start; at < end; at += 8 {
		words = binary.LittleEndian.AppendUint64(words, f.fill(at))
	}
	for _, p := range f.pieces {
		if p.address < end && p.address+uint64(len(p.bytes)) > start {
			from := max(p.address, start)
			copy(words[from-start:], p.bytes[from-p.address:])
		}
	}
	return copy(buf, words[uint64(offset)-start:]), nil
}

// TestOpenEndless wants an end where the JVM's data has none.
func TestOpenEndless(t *testing.T) {
	whole := loadRecording(t, "jdk17-g1")
	good, err := openSymbols(memory{whole}, whole.base, recordUnit, 1)
	if err != nil {
		t.Fatal(err)
	}
	pointer, err := good.address("gHotSpotVMStructs")
	if err != nil {
		t.Fatal(err)
	}
	start, size := whole.base, good.image.end-whole.base
	name := whole.word(t, whole.word(t, pointer))
	hole := good.image.end - 1<<20 // the library's .bss, where little was recorded
	tests := []struct {
		name  string
		table uint64 // where gHotSpotVMStructs points to
		fill  func(address uint64) uint64
		want  string
	}{
		{"rows", hole, func(uint64) uint64 { return name }, "more than 8192 rows"},
		{"name", hole, func(uint64) uint64 { return hole }, "without an end"},
		{"names all over", hole, func(at uint64) uint64 { return start + at*0x9e3779b97f4a7c15>>20%size }, "spread over more than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := whole.clone()
			m.poke(t, pointer, test.table)
			if test.name == "name" {
				test.fill = func(at uint64) uint64 {
					if at < hole+maxEntryBytes {
						return hole + maxEntryBytes
					}
					return 0x6161616161616161
				}
			}
			source := &counted{source: filled{m, test.fill}}
			_, err := open(source, Options{Base: m.base}, pageBytes, aheadPages)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if source.bytes > maxImageBytes+1<<20 {
				t.Errorf("%d bytes read", source.bytes)
			}
		})
	}
}
