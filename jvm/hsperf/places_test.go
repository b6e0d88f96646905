package hsperf

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestPlacesCaptures: the values at the places are those of the summary, for every
// JDK and collector, and of a file that has changed since they were found.
func TestPlacesCaptures(t *testing.T) {
	for _, path := range jvmtest.Captures(t, "testdata/*/*/hsperfdata.bin.gz", 68) {
		b := jvmtest.Capture(t, path)
		p, err := Locate(b)
		if err != nil {
			t.Fatal(path, err)
		}
		check := func(when string) {
			t.Helper()
			d, err := Parse(b)
			if err != nil {
				t.Fatal(path, err)
			}
			s := d.Summary()
			var old *int64
			if g := s.OldGeneration(); g != nil {
				old = g.UsedBytes
			}
			same(t, path+when+": classes", s.Classes(), func() (int64, bool) { return p.Classes(b) })
			same(t, path+when+": old used", old, func() (int64, bool) { return p.OldUsedBytes(b) })
			same(t, path+when+": old collections", s.OldCollections(), func() (int64, bool) { return p.OldCollections(b) })
			var cpu *int64
			if s.CollectionCPU != nil {
				cpu = new(s.CollectionCPU.Milliseconds())
			}
			same(t, path+when+": CPU time of collections", cpu, func() (int64, bool) { return p.CollectionCPUMillis(b) })
			if spent := s.CollectionTime(); spent != nil || p.collectionTicks != nil {
				// Rounded once, and once for each collector.
				if n, ok := p.CollectionMillis(b); !ok || spent == nil || (time.Duration(n)*time.Millisecond-*spent).Abs() > 2*time.Millisecond {
					t.Errorf("%s: %d ms of collections, %v, want %v", path+when, n, ok, spent)
				}
			}
			if !p.Hold(b) {
				t.Error(path + when + ": other places")
			}
		}
		check("")
		for i, places := range [][]int64{p.loaded, p.unloaded, p.oldUsed, p.oldCollections, p.collectionTicks, p.collectionCPU} {
			for k, at := range places {
				binary.LittleEndian.PutUint64(b[at:], uint64(1000*i+k+1))
			}
		}
		check(", later")
		if allocs := testing.AllocsPerRun(10, func() {
			p.Classes(b)
			p.OldUsedBytes(b)
			p.OldCollections(b)
			p.CollectionMillis(b)
			p.CollectionCPUMillis(b)
		}); allocs > 0 {
			t.Errorf("%s: reading allocates %v times", path, allocs)
		}
		// A negative number is none; what is cut off and what came since is not known.
		for _, places := range [][]int64{p.loaded, p.oldUsed, p.oldCollections} {
			for _, at := range places {
				binary.LittleEndian.PutUint64(b[at:], 1<<63)
			}
		}
		check(", damaged")
		if _, ok := p.Classes(b[:prologueBytes]); ok || p.Hold(b[:10]) {
			t.Errorf("%s: cut, but known", path)
		}
		b[entriesAt]++
		if p.Hold(b) {
			t.Errorf("%s: a counter was added, but the places hold", path)
		}
	}
}

func same(t *testing.T, what string, want *int64, read func() (int64, bool)) {
	t.Helper()
	if n, ok := read(); ok != (want != nil) || ok && n != *want {
		t.Errorf("%s: %d (%v), want %v", what, n, ok, want)
	}
}
