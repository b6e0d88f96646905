package diagnosis

import (
	"iter"
	"math"
	"slices"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// What does not leak comes and goes, as a heap that breathes beside a leak of threads. The end comes
// with one of its peaks, not with its mean. A peak that was seen some time ago is assumed to return
// within that time.

// notablePeak is how much higher an older peak must be to count beside a later one, of the limit.
const notablePeak = 0.01

// peak is how much more than now was in use beside a leak some time ago.
type peak struct{ seconds, bytes float64 }

// beside yields what was in use beside the row of a leak.
func (j *judge) beside(i *Incident) iter.Seq2[int64, history.Point] {
	return j.without(j.c.PointsSince(history.Unreclaimable, j.started), history.Row(rows.RowOf(i.Verdict, i.Subject)))
}

// without yields points without what another series has. Only samples have both.
func (j *judge) without(points iter.Seq2[int64, history.Point], series string) iter.Seq2[int64, history.Point] {
	other := make(map[int64]int64)
	for time, p := range j.c.Points(series) {
		other[time] = p.Last
	}
	return func(yield func(int64, history.Point) bool) {
		for time, p := range points {
			of, ok := other[time]
			if ok && time <= j.at && !yield(time, history.Point{Last: p.Last - of, Min: p.Min - of, Max: p.Max - of}) {
				return
			}
		}
	}
}

// peaks returns those since the JVM started, the latest one first, each one higher than the one before.
func (j *judge) peaks(i *Incident) (all []peak) {
	type point struct {
		at     int64
		values history.Point
	}
	var points []point
	for time, p := range j.beside(i) {
		points = append(points, point{time, p})
	}
	if len(points) == 0 {
		return nil
	}
	now := float64(points[len(points)-1].values.Last)
	notable := notablePeak * j.scale()
	highest := now
	for _, p := range slices.Backward(points) {
		if value := float64(p.values.Max); value > highest+notable {
			all = append(all, peak{float64(j.at-p.at) / 1000, value - now})
			highest = value
		}
	}
	return all
}

// beforePeak is the forecast for a leak that reaches the limit of the container; at returns it for the
// room that is left.
func (j *judge) beforePeak(i *Incident, at func(room float64) Forecast) Forecast {
	f := at(j.room())
	if math.IsInf(f.Seconds, 1) {
		return f
	}
	for _, p := range j.peaks(i) {
		if p.seconds >= f.Seconds {
			break
		}
		g := at(max(0, j.room()-p.bytes))
		f.Seconds, f.LowSeconds = min(f.Seconds, max(p.seconds, g.Seconds)), min(f.LowSeconds, g.LowSeconds)
	}
	return f
}
