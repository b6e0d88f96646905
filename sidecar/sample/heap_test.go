package sample

import (
	"testing"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/resident"
	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// TestHeapsAddUp: heaps that were not counted are used only if all processes together have
// what the cgroup is charged.
func TestHeapsAddUp(t *testing.T) {
	const mib = 1 << 20
	of := func(mebibytes int64, derived bool) jvm.Facts {
		return jvm.Facts{HeapDerived: derived, Resident: map[ranges.Kind]resident.Bytes{
			ranges.Heap: {AnonBytes: mebibytes * mib}, ranges.Library: {AnonBytes: mib, FileBytes: 9 * mib},
		}}
	}
	other := breakdown.Process{Pages: &resident.Bytes{AnonBytes: 5 * mib}}
	charged := &cgroup.Memory{AnonBytes: new(int64(56 * mib))}
	for name, tt := range map[string]struct {
		facts breakdown.Facts
		want  bool
	}{
		"one JVM":              {breakdown.Facts{Memory: charged, JVMs: []jvm.Facts{of(55, true)}}, true},
		"another process":      {breakdown.Facts{Memory: charged, JVMs: []jvm.Facts{of(50, true)}, Others: []breakdown.Process{other}}, true},
		"two JVMs":             {breakdown.Facts{Memory: charged, JVMs: []jvm.Facts{of(20, true), of(34, false)}}, true},
		"too much":             {breakdown.Facts{Memory: charged, JVMs: []jvm.Facts{of(57, true)}}, false},
		"too little":           {breakdown.Facts{Memory: charged, JVMs: []jvm.Facts{of(53, true)}}, false},
		"too little, counted":  {breakdown.Facts{Memory: charged, JVMs: []jvm.Facts{of(53, false)}}, true},
		"no cgroup":            {breakdown.Facts{JVMs: []jvm.Facts{of(55, true)}}, false},
		"a hidden process":     {breakdown.Facts{Memory: charged, JVMs: []jvm.Facts{of(50, true)}, Others: []breakdown.Process{{}}}, false},
		"a JVM without smaps":  {breakdown.Facts{Memory: charged, JVMs: []jvm.Facts{of(55, true), {}}}, false},
		"the cgroup lacks rss": {breakdown.Facts{Memory: &cgroup.Memory{}, JVMs: []jvm.Facts{of(55, true)}}, false},
	} {
		if got := (job{}).heapsAddUp(&tt.facts); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
