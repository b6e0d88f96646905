package history

import (
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestRareSamples: where samples are rare because of the CPU limit, the samples and what
// lies between them are known for the whole retention: the readings in steps of a minute,
// with the least value of each.
func TestRareSamples(t *testing.T) {
	const interval, each = 10 * time.Second, 30
	s, err := Open(Options{Retention: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	of := breakdown.Container{Identity: rows.Identity{ID: "x"}}
	start := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	n := int(25 * time.Hour / interval)
	for i := range n {
		at := start.Add(time.Duration(i) * interval)
		// Each collection leaves 1000; samples come at other times.
		used := int64(1000 + 100*((i+15)%30))
		if i%each == 0 {
			c := of
			c.JVMs = []breakdown.JVM{{PID: 1, StartTicks: 5, OldGeneration: &jvm.Old{UsedBytes: used}}}
			err = s.Add(&breakdown.Report{Time: at, Containers: []breakdown.Container{c}})
		} else {
			err = s.AddReading(&of, at, []string{OldUsed}, []int64{used})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s.Container(&of, func(c *Container) {
		end := start.Add(time.Duration(n-1) * interval).UnixMilli()
		samples, hours := 0, make(map[int64]bool)
		for time, p := range c.Points(JVMGeneration) {
			if time > end-24*3600*1000 && p.Last != Unknown {
				samples++
			}
		}
		points := 0
		for time, p := range c.Points(OldUsed) {
			if time > end-24*3600*1000 {
				points++
				if p.Min == 1000 {
					hours[(end-time)/3600000] = true
				}
			}
		}
		if samples < 24*12 {
			t.Errorf("%d samples, want %d", samples, 24*12)
		}
		if points < 24*60 || len(hours) != 24 {
			t.Errorf("%d points; the least value is known in %d of 24 hours", points, len(hours))
		}
	})
}
