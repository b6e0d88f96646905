package diagnosis

import (
	"math"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestPausedForecast: while a leak pauses, the forecast is that of its mean rate, the pause included,
// until the pause is as long as the growth was.
func TestPausedForecast(t *testing.T) {
	const grows, mib = 600, 1 << 20
	for _, tt := range []struct{ pause, want float64 }{{0, 600}, {300, 900}, {540, 1140}, {660, 0}} {
		row := history.Row(rows.Native)
		c := counters(int(grows+tt.pause), map[string]float64{
			history.JVMGeneration: 1, history.Threads: 20, history.Limit: 400 * mib, row: 50 * mib, history.Unreclaimable: 100 * mib,
		}, map[string]float64{row: mib / 4., history.Unreclaimable: mib / 4.})
		for _, name := range []string{row, history.Unreclaimable} {
			level := c.Tracks[1].Series[name].Last
			for i := grows/10 + 1; i < len(level); i++ {
				level[i] = level[grows/10] // 150 MiB are left
			}
		}
		start := time.UnixMilli(c.Tracks[1].Times[0])
		rate := int64(900 * mib)
		i := Incident{
			Verdict: rows.VerdictNativeUntracked, Measure: row, State: Paused, Since: start, LastGrowth: start.Add(grows * time.Second),
			Rate: &Rate{BytesPerHour: rate, LowBytesPerHour: rate, HighBytesPerHour: rate}, Seen: start.Add(grows * time.Second),
		}
		_, f := newJudge(c).forecast([]Incident{i})
		switch {
		case tt.want == 0 && f == nil:
		case f == nil || math.Abs(f.Seconds/tt.want-1) > 0.1 || f.MeanTraffic != (tt.pause > 0) || f.LowSeconds > f.Seconds || math.Abs(f.LowSeconds/grows-1) > 0.1:
			t.Errorf("after a pause of %.0f s: %+v, want %.0f s", tt.pause, f, tt.want)
		}
	}
}

// TestPeakForecast: the end comes with a peak of what does not leak. One that was seen some time ago
// returns within that time, if that is before the end.
func TestPeakForecast(t *testing.T) {
	const mib, seconds = 1 << 20, 1200
	for _, tt := range []struct{ ago, peak, want float64 }{
		{0, 0, 600}, // none: the rate of 10 MiB a minute fills 100 MiB
		{300, 40, 360},
		{300, 80, 300},
		{900, 80, 600}, // longer ago than the end is away
		{300, 3, 600},  // too little
	} {
		c := counters(seconds, map[string]float64{
			history.JVMGeneration: 1, history.Threads: 20, history.Limit: 400 * mib,
			history.Row(rows.Native): 50 * mib, history.Unreclaimable: 100 * mib,
		}, map[string]float64{history.Row(rows.Native): mib / 6., history.Unreclaimable: mib / 6.})
		all := c.Tracks[1].Series[history.Unreclaimable].Last
		all[(seconds-int(tt.ago))/10] += int64(tt.peak * mib)
		start := time.UnixMilli(c.Tracks[1].Times[0])
		rate := int64(600 * mib)
		i := Incident{
			Verdict: rows.VerdictNativeUntracked, Measure: history.Row(rows.Native), State: Confirmed, Since: start,
			Rate: &Rate{BytesPerHour: rate, LowBytesPerHour: rate, HighBytesPerHour: rate}, Seen: start.Add(seconds * time.Second),
		}
		_, f := newJudge(c).forecast([]Incident{i})
		if f == nil || math.Abs(f.Seconds/tt.want-1) > 0.01 || f.LowSeconds > f.Seconds || math.Abs(f.HighSeconds/600-1) > 0.01 {
			t.Errorf("%+v: %+v", tt, f)
		}
	}
}

// TestDirectLimit: direct buffers end at MaxDirectMemorySize, by default the maximum heap, if that
// comes before the limit of the container.
func TestDirectLimit(t *testing.T) {
	const mib = 1 << 20
	container := Forecast{Reached: ContainerLimit, Seconds: 3600, LowSeconds: 3000, HighSeconds: 4000}
	own := &trend{rate: 100 * mib, low: 90 * mib, high: 110 * mib}
	for _, tt := range []struct {
		direct, heap, now float64
		want              string
		seconds           float64
	}{
		{100, 400, 50, DirectLimit, 1800},
		{0, 100, 50, DirectLimit, 1800},
		{0, 400, 50, ContainerLimit, 3600},
		{100, 400, 120, ContainerLimit, 3600}, // Unsafe memory
	} {
		j := &judge{
			c: &history.Container{JVMs: []breakdown.JVM{{Flags: map[string]any{
				"MaxDirectMemorySize": uint64(tt.direct * mib), "MaxHeapSize": uint64(tt.heap * mib),
			}}}},
			last: map[string]float64{history.Detail(rows.Native, rows.DirectBuffers): tt.now * mib},
		}
		if f := j.toDirectLimit(container, own); f.Reached != tt.want || math.Round(f.Seconds) != tt.seconds || f.HighSeconds < container.HighSeconds {
			t.Errorf("%+v: %+v", tt, f)
		}
	}
}

// TestHeapLimit: a heap ends when its old generation is full of what survives collections. Of one that is
// full by now, nobody knows when an allocation no longer fits.
func TestHeapLimit(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		gc              string
		live            float64 // MiB, of 100
		low, want, high float64
	}{
		{"Parallel", 80, 900, 1200, 1800}, // at a rate of 1 MiB a minute
		{"Parallel", 98, 90, 120, 180},
		{"Parallel", 99, 0, 0, 0},
		{"Parallel", 100, 0, 0, 0},
		{"G1", 80, 1125, 1500, 2250}, // 5 MiB may be garbage
		{"G1", 98, 315, 420, 630},
		{"G1", 99, 0, 0, 0},
	} {
		j := &judge{
			c:    &history.Container{JVMs: []breakdown.JVM{{GC: tt.gc, OldGeneration: &jvm.Old{MaxBytes: new(int64(100 * mib))}}}},
			last: map[string]float64{history.OldUsed: 100 * mib},
		}
		const rate = 60 * mib
		f := j.toHeapLimit(&trend{rate: rate, low: rate / 1.5, high: rate / 0.75, floors: []floor{{0, tt.live * mib}}})
		if math.Round(f.LowSeconds) != tt.low || math.Round(f.Seconds) != tt.want || math.Round(f.HighSeconds) != tt.high {
			t.Errorf("%+v: %+v", tt, f)
		}
	}
}
