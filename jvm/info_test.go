package jvm

import (
	"testing"

	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// TestInfoDue: VM.info is asked for when malloc may have moved, by the word of NMT or of
// the pages, or after a collection, and once more; else each few samples.
func TestInfoDue(t *testing.T) {
	const mib = 1 << 20
	report := func(bytes int64) *nmt.Report {
		return &nmt.Report{Categories: []nmt.Category{{Name: "Other", MallocBytes: bytes}}}
	}
	walk := func(bytes int64) map[ranges.Kind]Resident {
		return map[ranges.Kind]Resident{ranges.MallocArena: {AnonBytes: bytes}}
	}
	for name, tt := range map[string]struct {
		report      *nmt.Report
		walked      int64
		collections *int64
		asks        int // until it is due
	}{
		"nothing moves":         {report(10*mib + 900<<10), 50*mib + 900<<10, new(int64(7)), recountEvery},
		"without NMT":           {nil, 50 * mib, new(int64(7)), 1},
		"direct buffers freed":  {report(8 * mib), 50 * mib, new(int64(7)), 1},
		"native code allocates": {report(10 * mib), 52 * mib, new(int64(7)), 1},
		"malloc gives back":     {report(10 * mib), 48 * mib, new(int64(7)), 1},
		"a collection":          {report(10 * mib), 50 * mib, new(int64(8)), 1},
		"nobody tells of them":  {report(10 * mib), 50 * mib, nil, 1},
	} {
		i := info{malloc: &Malloc{InUseBytes: 40 * mib, FreeBytes: mib}, collections: new(int64(7))}
		i.tell(&Facts{Report: report(10 * mib)})
		i.walk(walk(50 * mib))
		asks := 1
		i.walked = tt.walked
		for ; !i.due(tt.report, tt.collections); asks++ {
			i.walk(walk(tt.walked))
		}
		if asks != tt.asks {
			t.Errorf("%s: due after %d, want %d", name, asks, tt.asks)
		}
		// It was asked, and nothing moves any more.
		i = info{collections: tt.collections, moved: i.moved}
		if again := i.due(report(10*mib), tt.collections); again != (asks == 1 && tt.report != nil) {
			t.Errorf("%s: once more: %v", name, again)
		}
	}
	// Until then malloc's account follows what NMT sees.
	i := info{malloc: &Malloc{InUseBytes: 40 * mib, FreeBytes: mib}, version: "17.0.1", collector: "G1"}
	i.tell(&Facts{Report: report(10 * mib)})
	f := Facts{Report: report(9 * mib)}
	i.tell(&f)
	if f.Malloc.InUseBytes != 39*mib || f.Malloc.FreeBytes != mib || f.Major != 17 || f.Collector != "G1" {
		t.Errorf("%+v, %+v", f, f.Malloc)
	}
}
