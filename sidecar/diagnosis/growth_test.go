package diagnosis

import (
	"math"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

func TestFillingUntil(t *testing.T) {
	inf := math.Inf(1)
	rate := func(n float64) trend { return trend{rate: n, low: n / 2, high: 2 * n} }
	for _, tt := range []struct {
		name            string
		f               filling
		room            float64
		want, low, high float64 // hours
	}{
		{"no limit", filling{leak: rate(10), leakRoom: inf}, inf, inf, 0, 0},
		{"the leak alone", filling{leak: rate(10), leakRoom: inf}, 100, 10, 5, 20},
		{"the rest goes on", filling{leak: rate(10), leakRoom: inf, rest: []part{{rate(10), 1, inf}}}, 100, 5, 2.5, 10},
		{"the rest has ended", filling{leak: rate(10), leakRoom: inf, rest: []part{{rate(10), 0, inf}}}, 100, 10, 5, 20},
		// A quarter comes up in each hour of what came in the one before: 10 in the last, so 3.6 are to come.
		{"the rest levels off", filling{leak: rate(10), leakRoom: inf, rest: []part{{rate(10), 0.25, inf}}, half: 1}, 100, 9.64, 2.5, 20},
		{"half of the rest is a heap that is nearly full", filling{leak: rate(10), leakRoom: inf, rest: []part{{rate(5), 1, inf}, {rate(5), 1, 5}}}, 95, 6, 3, 12},
		{"a heap that has no room for it", filling{leak: rate(10), leakRoom: 50}, 100, inf, 0, 0},
		{"a heap, and what lasts", filling{leak: rate(10), leakRoom: 50, rest: []part{{rate(5), 1, inf}}}, 100, 10, 5, 20},
		{"one row goes on, another levels off", filling{leak: rate(10), leakRoom: inf, rest: []part{{rate(10), 0.25, inf}, {rate(10), 1, inf}}, half: 1}, 100, 4.82, 1.67, 10},
	} {
		f := tt.f.until(tt.room)
		near := func(seconds, hours float64) bool { return math.Abs(seconds/3600-hours) < 0.01*hours }
		if math.IsInf(tt.want, 1) != (f.known() == nil) || f.known() != nil && (!near(f.Seconds, tt.want) || !near(f.LowSeconds, tt.low) || !near(f.HighSeconds, tt.high)) {
			t.Errorf("%s: %.2f h (%.2f to %.2f), want %.2f (%.2f to %.2f)", tt.name, f.Seconds/3600, f.LowSeconds/3600, f.HighSeconds/3600, tt.want, tt.low, tt.high)
		}
	}
}

// TestLateGrowth: what came in one step need not come again.
func TestLateGrowth(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values []float64 // one each hour
		want   float64
	}{
		{"even", []float64{0, 9, 18, 20, 22, 24, 26}, 2},
		{"one step, and little else", []float64{0, 9, 18, 18, 30, 31, 32}, 1},
		{"one step alone", []float64{0, 9, 18, 18, 30, 30, 30}, 0},
		{"steps of equal size", []float64{0, 9, 18, 18, 20, 20, 24, 24, 26, 26, 28, 28, 30}, 1},
		{"it falls", []float64{0, 9, 18, 17, 16, 15, 14}, -1},
	} {
		var in trend
		for k, value := range tt.values {
			in.floors = append(in.floors, floor{float64(k), value})
		}
		if got := in.late(); math.Abs(got-tt.want) > 0.01 {
			t.Errorf("%s: %.2f an hour, want %.2f", tt.name, got, tt.want)
		}
	}
}

// TestLately: the traffic of the next hour is that of the last hour.
func TestLately(t *testing.T) {
	var f traffic
	for k := range 21 { // 1 an hour, then 10 from hour 10 on
		f.floors = append(f.floors, floor{float64(k), float64(k + 9*max(0, k-10))})
	}
	f.mean = 110.0 / 20
	for _, tt := range []struct{ gain, mean, hours float64 }{
		{10, 10, 4}, {60, 10, 6}, {100, 10, 10}, {103, 103.0 / 13, 13}, {1000, 5.5, 20},
	} {
		if mean, hours := f.lately(tt.gain); math.Abs(mean-tt.mean) > 0.01 || hours != tt.hours {
			t.Errorf("%v: %.2f in %v h", tt, mean, hours)
		}
	}
}

// TestGrowthBeside: threads leak that take little, and what grows beside them more: where that grows with
// the threads it goes on with them, whatever the traffic; where it levels off, the forecast says that
// it may have ended.
func TestGrowthBeside(t *testing.T) {
	const seconds, mib = 1800, 1 << 20
	load := func(s float64) float64 { return s - 300*math.Floor(s/900) - max(0, math.Mod(s, 900)-600) } // 10 min on, 5 min off
	for _, tt := range []struct {
		name   string
		beside func(leaked float64) float64
		keep   [2]float64 // 0: no part of the growth
		most   float64    // MiB that come with a thread
	}{
		{"in step", func(n float64) float64 { return 2 * n }, [2]float64{1, 1}, 2.1},
		{"in step, after a start", func(n float64) float64 { return 2*n + 60*(1-math.Exp(-n/5)) }, [2]float64{1, 1}, 2.1},
		{"a warm-up", func(n float64) float64 { return 200 * (1 - math.Exp(-n/30)) }, [2]float64{0.05, 0.6}, 2.1},
		{"nothing", func(float64) float64 { return 30 }, [2]float64{0, 0}, 0.1},
	} {
		c := counters(seconds, map[string]float64{
			history.JVMGeneration: 1, history.Threads: 20, history.Limit: 1000 * mib, history.Unreclaimable: 0, history.Row(rows.Threads): 0, history.Row(rows.Kernel): 0, history.Row(rows.Native): 0,
		}, nil)
		track := c.Tracks[1]
		for k := range track.Times {
			leaked := math.Floor(load(float64(10*k)) / 10)
			track.Series[history.Threads].Last[k] = 20 + int64(leaked)
			track.Series[history.Row(rows.Threads)].Last[k] = int64(0.1 * leaked * mib)
			track.Series[history.Row(rows.Native)].Last[k] = int64(tt.beside(leaked) * mib)
			track.Series[history.Unreclaimable].Last[k] = int64((100 + 0.1*leaked + tt.beside(leaked)) * mib)
		}
		start := time.UnixMilli(track.Times[0])
		i := Incident{Verdict: rows.VerdictThreads, Measure: history.Threads, State: Confirmed, Since: start, LastGrowth: start.Add(seconds * time.Second),
			Rate: &Rate{}, Seen: start.Add(seconds * time.Second)}
		j := newJudge(c)
		found := i.last()
		g := j.growthOf(&i, &found)
		keeps := 0.0
		for _, p := range g.filling.rest {
			keeps += p.keeps
		}
		if keeps < tt.keep[0] || keeps > tt.keep[1] || len(g.filling.rest) > 1 {
			t.Errorf("%s: keeps %.2f of %+v", tt.name, keeps, g.filling.rest)
		}
		mean := 120.0 / (seconds / 3600.) // threads an hour
		if got := g.own.rate / mib / mean; math.Abs(got/0.1-1) > 0.1 {
			t.Errorf("%s: the leak takes %.2f MiB a thread", tt.name, got)
		}
		if got := g.whole.rate / mib / mean; g.flow == nil || got > tt.most+0.1 || tt.keep[0] == 1 && got < 2 {
			t.Errorf("%s: %.2f MiB a thread", tt.name, got)
		}
	}
}

// TestTrafficUnsampled: a pause in which few samples were taken is part of the traffic.
func TestTrafficUnsampled(t *testing.T) {
	const seconds, grows, mib = 1000, 600, 1 << 20
	row := history.Row(rows.Native)
	c := counters(seconds, map[string]float64{history.JVMGeneration: 1, row: 50 * mib}, map[string]float64{row: mib / 4.})
	track := c.Tracks[1]
	level := track.Series[row].Last
	for k := grows/10 + 1; k < len(level); k++ {
		if level[k] = level[grows/10]; k < len(level)-2 {
			level[k] = history.Unknown
		}
	}
	start := time.UnixMilli(track.Times[0])
	j := newJudge(c)
	i := Incident{Verdict: rows.VerdictNativeUntracked, Measure: row, Since: start}
	f, changes := j.traffic(&i, window{track.Times[0], j.at})
	if want := 3600 * mib / 4. * grows / seconds; !changes || math.Abs(f.mean/want-1) > 0.05 {
		t.Errorf("traffic %+v, changes: %v, want a mean of %.0f", f, changes, want)
	}
}

// TestRestOfARow: what grows in the row of a detail that leaks is part of the rest, also of an incident
// that a restarted sidecar has read.
func TestRestOfARow(t *testing.T) {
	const seconds, mib = 1800, 1 << 20
	c := counters(seconds, map[string]float64{
		history.JVMGeneration: 1, history.Limit: 1000 * mib, history.Unreclaimable: 100 * mib,
		history.Row(rows.Native): 30 * mib, history.Detail(rows.Native, rows.DirectBuffers): 10 * mib,
	}, map[string]float64{
		history.Unreclaimable: 3 * mib, history.Row(rows.Native): 3 * mib, history.Detail(rows.Native, rows.DirectBuffers): 2 * mib,
	})
	start := time.UnixMilli(c.Tracks[1].Times[0])
	i := Incident{Verdict: rows.VerdictDirectBuffers, Measure: history.Detail(rows.Native, rows.DirectBuffers), State: Confirmed, Since: start,
		LastGrowth: start.Add(seconds * time.Second), Rate: &Rate{}, Seen: start.Add(seconds * time.Second)}
	found := i.last()
	g := newJudge(c).growthOf(&i, &found)
	if r := g.filling.rest; len(r) != 1 || r[0].keeps != 1 || math.Abs(2*r[0].rate/g.own.rate-1) > 0.01 || math.Abs(g.own.rate+r[0].rate-g.whole.rate) > 0.01*g.whole.rate {
		t.Errorf("the leak %+v, the rest %+v, all %+v", g.own, r, g.whole)
	}
}

// TestBesideAHeap: the heap ends at its maximum, so the container fills only with what grows beside it, if that
// is more than a twentieth.
func TestBesideAHeap(t *testing.T) {
	const seconds, mib = 1800, 1 << 20
	for kernel, want := range map[float64]int{0.02 * mib: 0, 0.5 * mib: 1} {
		c := counters(seconds, map[string]float64{
			history.JVMGeneration: 1, history.Limit: 10000 * mib, history.Unreclaimable: 100 * mib, history.OldUsed: 10 * mib,
			history.Row(rows.Heap): 50 * mib, history.Row(rows.Kernel): 40 * mib,
		}, map[string]float64{
			history.Unreclaimable: mib + kernel, history.OldUsed: mib, history.Row(rows.Heap): mib, history.Row(rows.Kernel): kernel,
		})
		j := newJudge(c)
		from := c.Tracks[1].Times[0]
		w := window{from, j.at}
		whole, _ := j.trendOf(history.Unreclaimable, w)
		i := Incident{Verdict: rows.VerdictHeap, Measure: history.OldUsed}
		f := j.fills(&i, &Finding{Verdict: rows.VerdictHeap}, w, &growth{whole: whole})
		if len(f.rest) != want || math.Abs(f.leak.rate/(3600*mib)-1) > 0.01 {
			t.Errorf("kernel memory grows by %v bytes a second: %+v", kernel, f)
		}
	}
}

// TestStartIsNoTraffic: what comes up while the JVM starts, and never as fast again, is no traffic.
func TestStartIsNoTraffic(t *testing.T) {
	var of trend
	for k := range bins {
		of.floors = append(of.floors, floor{float64(k), 100*min(1, float64(k)/4) + float64(k)})
	}
	f, ok := trafficOf(&of, true)
	if !ok || f.mean != 1 || f.changes(changing) || f.floors[0].time > 6 {
		t.Errorf("%+v", f)
	}
	if f, ok := trafficOf(&of, false); !ok || !f.changes(changing) {
		t.Errorf("later, it is a peak of the traffic: %+v", f)
	}
}
