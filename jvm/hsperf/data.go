package hsperf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrNotReady is the error for a file of a JVM that is still starting.
var ErrNotReady = errors.New("the JVM has not finished writing its counters")

const (
	magic         = 0xcafec0c0
	prologueBytes = 32
	entryBytes    = 20
)

// Data is one snapshot of the counters. It does not refer to the bytes parsed.
type Data struct {
	// ModTimeStamp is when the JVM last added a counter, in ticks since its
	// start. It does not move when a value changes.
	ModTimeStamp int64

	// OverflowBytes is not 0 if counters are missing because -XX:PerfDataMemorySize is
	// too small: the size of the counters that did not fit.
	OverflowBytes int64

	// Truncated: fewer entries were read than the prologue counts.
	Truncated bool

	longs   map[string]int64
	strings map[string]string
	entries []knownEntry
}

// knownEntry is the parsed form of one entry of the file, for the next time.
type knownEntry struct{ name, text string }

// Int64 returns the counter of that name, and whether there is one. Times are
// in ticks of sun.os.hrt.frequency per second, sizes in bytes.
func (d *Data) Int64(name string) (int64, bool) {
	v, ok := d.longs[name]
	return v, ok
}

// String returns the text of that name, and whether there is one. It never returns the
// arguments of the VM and of the application: see Flag.
func (d *Data) String(name string) (string, bool) {
	switch name {
	case vmArgs, vmFlags, javaCommand:
		return "", false
	}
	v, ok := d.strings[name]
	return v, ok
}

// Format prints no texts: they may contain secrets.
func (d Data) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "hsperf.Data{%d numbers, %d texts}", len(d.longs), len(d.strings))
}

// Parse reads the bytes of one hsperfdata file.
func Parse(b []byte) (*Data, error) {
	d := new(Data)
	if err := d.parse(b, nil); err != nil {
		return nil, err
	}
	return d, nil
}

// Renew parses the same file again, into d. It allocates nothing if only numbers have
// changed. After an error d has no counters.
func (d *Data) Renew(b []byte) error { return d.parse(b, nil) }

// parse also stores the offsets of numbers in places, unless it is nil.
func (d *Data) parse(b []byte, places map[string]int64) error {
	d.ModTimeStamp, d.OverflowBytes, d.Truncated = 0, 0, false
	clear(d.longs)
	clear(d.strings)
	order, err := parsePrologue(b)
	if err != nil {
		return fmt.Errorf("parse hsperfdata: %w", err)
	}
	int32At := func(b []byte, at int) int64 { return int64(int32(order.Uint32(b[at:]))) }

	used, first, count := int32At(b, 8), int32At(b, 24), int32At(b, 28)
	if used < prologueBytes || first < prologueBytes || first > used || count < 0 {
		return fmt.Errorf("parse hsperfdata: prologue: %d bytes used, %d entries from %d", used, count, first)
	}
	d.ModTimeStamp, d.OverflowBytes = int64(order.Uint64(b[16:])), max(0, int32At(b, 12))
	if d.longs == nil {
		d.longs, d.strings = make(map[string]int64), make(map[string]string)
	}
	if int64(len(b)) > used {
		b = b[:used]
	}
	at := first
	for i := range int(count) {
		if at > int64(len(b))-entryBytes {
			d.Truncated = true
			break
		}
		length := int32At(b, int(at))
		if length < entryBytes || length > int64(len(b))-at {
			d.Truncated = true
			break
		}
		if i == len(d.entries) {
			d.entries = append(d.entries, knownEntry{})
		}
		dataAt, ok := d.addEntry(&d.entries[i], b[at:at+length], order)
		if !ok {
			d.Truncated = true
			break
		}
		if places != nil {
			places[d.entries[i].name] = at + dataAt
		}
		at += length
	}
	return nil
}

// parsePrologue checks what does not depend on the byte order, and returns it.
func parsePrologue(b []byte) (binary.ByteOrder, error) {
	if len(b) < prologueBytes {
		return nil, fmt.Errorf("%d bytes only", len(b))
	}
	if m := binary.BigEndian.Uint32(b); m != magic {
		// The JVM creates the file with zeros and writes the magic later.
		if m == 0 {
			return nil, ErrNotReady
		}
		return nil, fmt.Errorf("magic %#x", m)
	}
	if b[5] != 2 {
		return nil, fmt.Errorf("version %d.%d", b[5], b[6])
	}
	if b[7] == 0 {
		return nil, ErrNotReady
	}
	switch b[4] {
	case 0:
		return binary.BigEndian, nil
	case 1:
		return binary.LittleEndian, nil
	}
	return nil, fmt.Errorf("byte order %d", b[4])
}

// addEntry reads one entry that fills e; false if it does not fit. Types other than
// long and string, which HotSpot does not write, are skipped. known is the result of
// the last time.
func (d *Data) addEntry(known *knownEntry, e []byte, order binary.ByteOrder) (dataAt int64, ok bool) {
	nameAt := int64(int32(order.Uint32(e[4:])))
	vector := int64(int32(order.Uint32(e[8:])))
	kind := e[12]
	dataAt = int64(int32(order.Uint32(e[16:])))
	size := int64(len(e))
	if nameAt < entryBytes || nameAt >= size || dataAt < entryBytes || dataAt > size || vector < 0 {
		return 0, false
	}
	end := bytes.IndexByte(e[nameAt:], 0)
	if end <= 0 {
		return 0, false
	}
	if name := e[nameAt : nameAt+int64(end)]; string(name) != known.name {
		known.name = string(name)
	}
	switch {
	case kind == 'J' && vector == 0:
		if dataAt > size-8 {
			return 0, false
		}
		d.longs[known.name] = int64(order.Uint64(e[dataAt:]))
	case kind == 'B' && vector > 0:
		if vector > size-dataAt {
			return 0, false
		}
		text, _, _ := bytes.Cut(e[dataAt:dataAt+vector], []byte{0})
		if string(text) != known.text {
			known.text = string(text)
		}
		d.strings[known.name] = known.text
	}
	return dataAt, true
}

// counter returns a counter that cannot be negative; nil if there is none.
func (d *Data) counter(name string) *int64 {
	v, ok := d.longs[name]
	if !ok || v < 0 {
		return nil
	}
	return &v
}

// sum adds the counters of those names; nil if one of them is missing.
func (d *Data) sum(names ...string) *int64 {
	var total int64
	for _, name := range names {
		v := d.counter(name)
		if v == nil || *v > math.MaxInt64-total {
			return nil
		}
		total += *v
	}
	return &total
}
