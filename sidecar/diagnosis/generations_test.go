package diagnosis

import (
	"testing"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestWithoutGenerations: of a heap without generations the use counts, not what the counters had at
// the last pause, and the recorded history stays as it is.
func TestWithoutGenerations(t *testing.T) {
	for _, tt := range []struct {
		gc, version string
		whole       bool // the counters have one generation
		used        bool // GC.heap_info answered
		want        float64
	}{
		{"ZGC", "17.0.15", true, true, 40}, {"Shenandoah", "17.0.15", true, true, 40}, {"ZGC", "17.0.15", true, false, 70},
		{"ZGC", "17.0.15", false, true, 40}, // recorded before this was known
		{"ZGC", "21.0.13", true, true, 40}, {"ZGC", "21.0.13", false, true, 70},
		{"ZGC", "25.0.1", false, true, 70}, {"ZGC", "", false, true, 70}, {"G1", "17.0.15", false, true, 70},
	} {
		series := map[string]float64{history.JVMGeneration: 1, history.OldUsed: 70}
		if tt.used {
			series[history.Used(rows.Heap)] = 40
		}
		c := counters(60, series, nil)
		c.JVMs = []breakdown.JVM{{GC: tt.gc, Version: tt.version, OldGeneration: &jvm.Old{WholeHeap: tt.whole}}}
		j := newJudge(c)
		if now, ok := j.now(history.OldUsed); now != tt.want || !ok {
			t.Errorf("%s %s, used known %v: %v, want %v", tt.gc, tt.version, tt.used, now, tt.want)
		}
		if now, ok := j.now(atLastPause); j.undivided && (now != 70 || !ok) {
			t.Errorf("%s %s: at the last pause %v", tt.gc, tt.version, now)
		}
		if c.Tracks[len(c.Tracks)-1].Series[history.OldUsed].Last[0] != 70 {
			t.Errorf("%s %s: the history was changed", tt.gc, tt.version)
		}
	}
}
