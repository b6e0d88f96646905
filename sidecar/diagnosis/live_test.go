package diagnosis

import (
	"testing"

	"github.com/jvmem/jvmem/sidecar/history"
)

// TestCollectionThatRuns: a sample may see that a collection began, and not yet what it freed. It counts
// when a later sample shows that.
func TestCollectionThatRuns(t *testing.T) {
	for _, tt := range []struct {
		name string
		old  []int64 // a collection begins with the fourth sample
		want int
	}{
		{"it runs", []int64{50, 55, 60, 60}, 0},
		{"it has ended", []int64{50, 55, 60, 40}, 1},
		{"it ended later", []int64{50, 55, 60, 60, 40}, 1},
		{"it freed nothing", []int64{50, 55, 60, 60, 60}, 1},
	} {
		c := counters(10*(len(tt.old)-1), map[string]float64{history.JVMGeneration: 1, history.OldUsed: 0, history.OldCollections: 1}, nil)
		c.JVMs[0].GC = "Serial"
		for i, used := range tt.old {
			c.Tracks[1].Series[history.OldUsed].Last[i] = used
			if i >= 3 {
				c.Tracks[1].Series[history.OldCollections].Last[i] = 2
			}
		}
		if all := newJudge(c).settled(); len(all) != tt.want {
			t.Errorf("%s: %+v", tt.name, all)
		}
	}
}
