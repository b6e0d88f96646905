package evidence

import (
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/evidence/cause"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestRecordingTakesMemory: a recording is looked at when the container has gained as much as JFR may
// have taken, and stopped when the limit is near; one that counts is only stopped.
func TestRecordingTakesMemory(t *testing.T) {
	const mib, near = 1 << 20, 512 - takenBytes>>20 + 1
	for name, tt := range map[string]struct {
		sampled      bool
		limited      bool
		used         []int64 // MiB, at each sample
		looks, stops int
	}{
		"nothing":                  {sampled: true, limited: true, used: []int64{300, 310, 305, 316}},
		"taken":                    {sampled: true, limited: true, used: []int64{300, 310, 317, 325}, looks: 1},
		"taken, then less":         {sampled: true, limited: true, used: []int64{330, 300, 317}, looks: 1},
		"taken again":              {sampled: true, limited: true, used: []int64{300, 317, 320, 334}, looks: 2},
		"taken from the unlimited": {sampled: true, used: []int64{300, 317, 900, 900}, looks: 2},
		"counted":                  {limited: true, used: []int64{300, 310, 317, 340}},
		"counted, near":            {limited: true, used: []int64{300, near}, stops: 1},
		"near":                     {sampled: true, limited: true, used: []int64{near - 5, near, near}, stops: 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := &fakeRecording{sampled: tt.sampled, shows: &cause.Finding{Reason: "not enough samples"}}
			a, _ := newRecorded(t, r)
			now := time.Now()
			a.gather(t, now, diagnosis.Finding{Verdict: rows.VerdictHeap})
			a.of.Limited = &tt.limited
			for _, used := range tt.used {
				now = now.Add(time.Second)
				a.of.UsageBytes = new(used * mib)
				a.Collector.Tend(t.Context(), now, &a.of)
			}
			if r.looks != tt.looks || r.stops != tt.stops {
				t.Errorf("%d looks, %d stops", r.looks, r.stops)
			}
			a.of = breakdown.Container{Identity: a.of.Identity, JVMs: a.of.JVMs} // nothing is known
			if a.Collector.Tend(t.Context(), now.Add(time.Second), &a.of); r.looks != tt.looks || r.stops != tt.stops {
				t.Errorf("%d looks, %d stops of what is unknown", r.looks, r.stops)
			}
		})
	}
}
