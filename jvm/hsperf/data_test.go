package hsperf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// moving are the counters that change in the second between the two captures
// of one JVM; eden's used in one JVM of the sixty.
func moving(name string) bool {
	for _, prefix := range []string{"sun.rt.safepoint", "sun.rt.applicationTime", "sun.threads.", "sun.os.hrt.ticks", "sun.ci.", "java.ci.", "sun.gc.generation.0.space.0.used"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// TestMatchesPerfCounterPrint: every counter that the JVM prints of itself
// (PerfCounter.print) is read, with its value, and no other.
func TestMatchesPerfCounterPrint(t *testing.T) {
	for _, path := range jvmtest.Captures(t, "testdata/*/*/perf_counters.txt.gz", 60) {
		dir := filepath.Dir(path)
		t.Run(dir, func(t *testing.T) {
			d, err := Parse(jvmtest.Capture(t, dir+"/hsperfdata.bin.gz"))
			if err != nil {
				t.Fatal(err)
			}
			if d.Truncated || d.OverflowBytes != 0 {
				t.Errorf("truncated %v, overflow %d", d.Truncated, d.OverflowBytes)
			}
			printed := 0
			for line := range strings.Lines(jvmtest.CaptureText(t, path)) {
				name, want, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
				if !ok {
					continue
				}
				if name == "sun.perfdata.timestamp" && want != strconv.FormatInt(d.ModTimeStamp, 10) {
					t.Errorf("time stamp %d, printed %s", d.ModTimeStamp, want)
				}
				if strings.HasPrefix(name, "sun.perfdata.") { // the prologue, not counters
					continue
				}
				printed++
				got, isText := d.strings[name]
				if isText {
					got = `"` + got + `"`
				} else {
					v, ok := d.Int64(name)
					if !ok {
						t.Errorf("%s is missing", name)
					}
					got = strconv.FormatInt(v, 10)
				}
				if got != want && !moving(name) {
					t.Errorf("%s: %s, printed %s", name, got, want)
				}
			}
			if n := len(d.longs) + len(d.strings); n != printed || n < 100 {
				t.Errorf("%d counters, %d printed", n, printed)
			}
		})
	}
}

// entry is one counter of a file that a test makes.
type entry struct {
	name  string
	value any // int64 or string
}

// file writes hsperfdata in the byte order.
func file(order binary.AppendByteOrder, entries ...entry) []byte {
	var body []byte
	for _, e := range entries {
		nameBytes := (len(e.name) + 8) &^ 7
		kind, vector, data := byte('J'), uint32(0), []byte(nil)
		switch v := e.value.(type) {
		case int64:
			data = order.AppendUint64(nil, uint64(v))
		case string:
			kind, vector, data = 'B', uint32(len(v)+1), append([]byte(v), 0)
		}
		dataAt := uint32(24 + nameBytes)
		head := order.AppendUint32(nil, dataAt+uint32(len(data)+7)&^7)
		head = order.AppendUint32(order.AppendUint32(head, 24), vector)
		head = append(head, kind, 0, 1, 1)
		head = append(order.AppendUint32(head, dataAt), 0, 0, 0, 0)
		head = append(append(head, e.name...), make([]byte, nameBytes-len(e.name))...)
		body = append(body, append(append(head, data...), make([]byte, -len(data)&7)...)...)
	}
	byteOrder := byte(0)
	if order == binary.AppendByteOrder(binary.LittleEndian) {
		byteOrder = 1
	}
	b := append([]byte{0xca, 0xfe, 0xc0, 0xc0}, byteOrder, 2, 0, 1)
	b = order.AppendUint32(order.AppendUint32(b, uint32(prologueBytes+len(body))), 0)
	b = order.AppendUint64(b, 77)
	b = order.AppendUint32(order.AppendUint32(b, prologueBytes), uint32(len(entries)))
	return append(append(b, body...), make([]byte, 64)...)
}

func TestByteOrders(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
		d, err := Parse(file(order, entry{"a.b", int64(-5)}, entry{"text", "x y"}, entry{"java.threads.live", int64(7)}))
		if err != nil {
			t.Fatal(err)
		}
		n, okN := d.Int64("a.b")
		s, okS := d.String("text")
		if n != -5 || s != "x y" || !okN || !okS || d.ModTimeStamp != 77 || d.Truncated || *d.Summary().ThreadsLive != 7 {
			t.Errorf("%v: %+v", order, d)
		}
		if _, ok := d.String("a.b"); ok {
			t.Error("a number read as text")
		}
	}
}

func TestRefuses(t *testing.T) {
	good := file(binary.LittleEndian, entry{"a", int64(1)})
	patch := func(at int, v ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], v)
		return b
	}
	for name, c := range map[string]struct {
		b        []byte
		notReady bool
	}{
		"empty":             {nil, false},
		"short":             {good[:31], false},
		"zeros":             {make([]byte, 32768), true},
		"other file":        {patch(0, 'P', 'K', 3, 4), false},
		"version 3":         {patch(5, 3), false},
		"not accessible":    {patch(7, 0), true},
		"byte order 2":      {patch(4, 2), false},
		"used 0":            {patch(8, 0, 0, 0, 0), false},
		"negative used":     {patch(8, 0, 0, 0, 0xff), false},
		"entries in header": {patch(24, 8, 0, 0, 0), false},
		"entries behind":    {patch(24, 0, 0, 0, 1), false},
		"negative count":    {patch(28, 0xff, 0xff, 0xff, 0xff), false},
	} {
		d, err := Parse(c.b)
		if err == nil || d != nil || errors.Is(err, ErrNotReady) != c.notReady {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
}

// TestDamagedEntries: the entries before the damage are kept.
func TestDamagedEntries(t *testing.T) {
	good := file(binary.LittleEndian, entry{"a", int64(1)}, entry{"b", int64(2)}, entry{"text", "xyz"})
	second := prologueBytes + int(binary.LittleEndian.Uint32(good[prologueBytes:]))
	// An entry behind what the JVM says is used is not there yet.
	early := bytes.Clone(good)
	binary.LittleEndian.PutUint32(early[8:], uint32(second))
	if d, err := Parse(early); err != nil || !d.Truncated || len(d.longs) != 1 || len(d.strings) != 0 {
		t.Errorf("used ends early: %+v, %v", d, err)
	}
	for name, p := range map[string]struct {
		at int
		v  []byte
	}{
		"length 0":           {0, []byte{0, 0, 0, 0}},
		"length too small":   {0, []byte{19, 0, 0, 0}},
		"length too big":     {0, []byte{0, 0, 0, 0x7f}},
		"negative length":    {0, []byte{0, 0, 0, 0x80}},
		"name in header":     {4, []byte{0, 0, 0, 0}},
		"name behind":        {4, []byte{0, 1, 0, 0}},
		"negative name":      {4, []byte{0xff, 0xff, 0xff, 0xff}},
		"negative vector":    {8, []byte{0xff, 0xff, 0xff, 0xff}},
		"data cut":           {16, []byte{33, 0, 0, 0}},
		"negative data":      {16, []byte{0, 0, 0, 0x80}},
		"empty name":         {24, []byte{0}},
		"text longer than e": {8, []byte{0xff, 0, 0, 0, 'B'}},
	} {
		b := bytes.Clone(good)
		copy(b[second+p.at:], p.v)
		d, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, a := d.Int64("a")
		_, bb := d.Int64("b")
		if !d.Truncated || !a || bb {
			t.Errorf("%s: truncated %v, a %v, b %v", name, d.Truncated, a, bb)
		}
	}
}

// TestCut: a file cut anywhere gives a part of what the whole gives.
func TestCut(t *testing.T) {
	whole := jvmtest.Capture(t, "testdata/jdk25/g1/hsperfdata.bin.gz")
	all, err := Parse(whole)
	if err != nil {
		t.Fatal(err)
	}
	used := int(binary.LittleEndian.Uint32(whole[8:]))
	// Every length in the first entries, then every 13th, which meets all
	// remainders of the 8 bytes that entries are aligned to.
	for n := 0; n < used+100; n += 1 + n/2000*12 {
		d, err := Parse(whole[:n:n])
		if (err != nil) != (n < prologueBytes) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if err == nil {
			if d.Truncated != (n < used) {
				t.Fatalf("%d bytes of %d: truncated %v", n, used, d.Truncated)
			}
			subset(t, d, all)
		}
	}
}

func subset(t *testing.T, part, all *Data) {
	t.Helper()
	for name, v := range part.longs {
		if w, ok := all.longs[name]; !ok || v != w {
			t.Fatalf("%s: %d, want %d", name, v, w)
		}
	}
	for name, v := range part.strings {
		if w, ok := all.strings[name]; !ok || v != w {
			t.Fatalf("%s: %q, want %q", name, v, w)
		}
	}
}

// FuzzParse: no counter comes from beyond the file: what is read takes no more
// bytes than the file has, and the same bytes give the same whatever follows.
func FuzzParse(f *testing.F) {
	f.Add(jvmtest.Capture(f, "testdata/jdk8/parallel/hsperfdata.bin.gz")[:4000])
	f.Add(file(binary.BigEndian, entry{"a", int64(1)}, entry{"text", "x"}, entry{"sun.gc.generation.0.space.0.used", int64(1)}))
	f.Add(file(binary.LittleEndian, entry{vmArgs, "-Xmx1m -XX:+A"}, entry{"sun.os.hrt.frequency", int64(1)}, entry{"sun.os.hrt.ticks", int64(1 << 62)}))
	other := file(binary.LittleEndian, entry{"a", int64(7)}, entry{"text", "xyz"}, entry{vmArgs, "-Xmx2m"}, entry{"gone", int64(9)})
	f.Fuzz(func(t *testing.T, b []byte) {
		renewed, err := Parse(other)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Parse(b)
		if err != nil {
			if d != nil {
				t.Fatal("data beside an error")
			}
			return
		}
		if err := renewed.Renew(b); err != nil {
			t.Fatalf("renewed: %v", err)
		}
		if !maps.Equal(renewed.longs, d.longs) || !maps.Equal(renewed.strings, d.strings) || renewed.ModTimeStamp != d.ModTimeStamp ||
			renewed.OverflowBytes != d.OverflowBytes || renewed.Truncated != d.Truncated {
			t.Fatalf("renewed from another file: %v, parsed anew: %v", renewed.longs, d.longs)
		}
		size := prologueBytes
		for name := range d.longs {
			size += entryBytes + len(name) + 1
		}
		for name, v := range d.strings {
			size += entryBytes + len(name) + 1
			if !bytes.Contains(b, []byte(v)) {
				t.Fatalf("%s: %q is not in the file", name, v)
			}
		}
		if size > len(b) {
			t.Fatalf("%d bytes read of %d", size, len(b))
		}
		if n := int(binary.LittleEndian.Uint32(b[8:])); b[4] == 1 && n <= len(b) {
			again, err := Parse(append(bytes.Clone(b[:n]), 0xff, 0xff, 0xff))
			if err != nil || len(again.longs) != len(d.longs) || again.Truncated != d.Truncated {
				t.Fatalf("differs with other bytes behind the used: %v", err)
			}
		}
		s := d.Summary()
		for _, v := range []*int64{s.HeapUsedBytes(), s.HeapCapacityBytes(), s.Metaspace.UsedBytes, s.ThreadsLive, s.ClassesLoaded} {
			if v != nil && *v < 0 {
				t.Fatalf("negative: %+v", s)
			}
		}
		if s.Uptime != nil && *s.Uptime < 0 {
			t.Fatalf("uptime %v", *s.Uptime)
		}
	})
}
