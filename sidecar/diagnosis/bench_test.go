package diagnosis

import (
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// BenchmarkDiagnose judges a full day of a container that leaks.
func BenchmarkDiagnose(b *testing.B) {
	store, err := history.Open(history.Options{Retention: 24 * time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	s := scenarios[1]
	feed(b, store, s, 1, nil)
	var tracker Tracker
	b.ReportAllocs()
	store.Container(&breakdown.Container{Identity: rows.Identity{ID: "x", CgroupVersion: 2}}, func(c *history.Container) {
		tracker.Judge(c) // follows all of it
		for b.Loop() {
			if d := tracker.judge(c); d.Verdict != s.want {
				b.Fatal(d.Summary)
			}
		}
	})
}
