package diagnosis

import (
	"iter"
	"math"
	"slices"

	"github.com/jvmem/jvmem/sidecar/history"
)

const (
	// bins is how many parts of equal length a window is judged by. Of each the
	// least value counts: what is freed within a part does not. Three quarters of
	// them must be known.
	bins = 20
	// z95 is the normal deviate of a two-sided 95 % interval.
	z95 = 1.96
	// minZ is what the test of a trend has to reach: p < 0.001, one-sided.
	minZ = 3.09
	// maxJump is the largest part of the growth that may come at once: above it is
	// a step, not a trend.
	maxJump = 0.45
	// minTail is how fast the last quarter must still grow, compared with the whole.
	minTail = 0.4
)

// trend is how a series developed in a window. Rates are per hour.
type trend struct {
	from, to  int64 // milliseconds since 1970
	floors    []floor
	rate      float64 // Theil and Sen: the median slope between any two floors
	low, high float64 // its 95 % interval
	z         float64 // Mann and Kendall: above minZ it rises
	tau       float64 // Kendall: 1 if each floor is above the one before
	// last is the last value, growth what came up in the window by its rate.
	last, growth float64
	// bend compares the rate of the second half with that of the first: 1 is
	// a straight line, 0 has levelled off.
	bend float64
	// tail compares the rate of the last quarter with that of the whole.
	tail float64
	// top is the greatest value in each part that has a floor.
	top []float64
	// jump is the largest share of the rise that came between two floors.
	jump float64
	// slows: it was judged against work, and slows down over time.
	slows bool
}

// floor is the least value in a part of the window.
type floor struct {
	time  float64 // hours since the window began
	value float64
}

// trendOf judges a series in a window; ok is false if too little is known.
func (j *judge) trendOf(name string, w window) (trend, bool) {
	return j.trendOfParts(name, w, bins)
}

// question is what a trend was made of: several rules ask the same.
type question struct {
	series string
	window window
	parts  int
	axis   *clock
}

type answer struct {
	trend
	ok bool
}

func (j *judge) trendOfParts(name string, w window, parts int) (trend, bool) {
	q := question{name, w, parts, j.axis}
	a, known := j.trends[q]
	if !known {
		a.trend, a.ok = j.newTrend(j.c.PointsSince(name, j.begin(w)), w, parts)
		j.trends[q] = a
	}
	return a.trend, a.ok
}

func (j *judge) newTrend(points iter.Seq2[int64, history.Point], w window, parts int) (t trend, ok bool) {
	t = trend{from: w.from, to: w.to}
	length := w.to - w.from
	if length <= 0 {
		return t, false
	}
	least, most := make([]floor, parts), make([]float64, parts)
	seen := make([]bool, parts)
	for time, p := range points {
		time = j.x(time)
		if time < w.from || time > w.to {
			continue
		}
		t.last = float64(p.Last)
		i := int((time - w.from) * int64(parts) / (length + 1))
		if value := float64(p.Min); !seen[i] || value < least[i].value {
			least[i] = floor{hours(time - w.from), value}
		}
		if value := float64(p.Max); !seen[i] || value > most[i] {
			most[i] = value
		}
		seen[i] = true
	}
	t.floors, t.top = least[:0], most[:0]
	for i := range least {
		if seen[i] {
			t.floors, t.top = append(t.floors, least[i]), append(t.top, most[i])
		}
	}
	if len(t.floors) < parts*3/4 {
		return t, false
	}
	t.fit()
	return t, true
}

func hours(millis int64) float64 { return float64(millis) / 3.6e6 }

// fit estimates the trend of the floors.
func (t *trend) fit() {
	f := t.floors
	n := len(f)
	slopes, s := slopesOf(f, make([]float64, 0, n*(n-1)/2))
	slices.Sort(slopes)
	t.rate = median(slopes)
	// Sen (1968): the interval's ends are slopes whose rank is off the middle by
	// half the deviate times the standard deviation of Kendall's S.
	deviation := math.Sqrt(variance(f))
	half := z95 * deviation / 2
	middle := float64(len(slopes)) / 2
	t.low = slopes[max(0, int(math.Floor(middle-half)))]
	t.high = slopes[min(len(slopes)-1, int(math.Ceil(middle+half)))]
	if deviation > 0 && s > 0 {
		t.z = (s - 1) / deviation
	}
	t.tau = s / float64(n*(n-1)/2)
	t.growth = t.rate * hours(t.to-t.from)

	rateOf := func(f []floor) float64 { // over the slopes of the whole, which are used up
		part, _ := slopesOf(f, slopes[:0])
		slices.Sort(part)
		return median(part)
	}
	if a, b := rateOf(f[:n/2+1]), rateOf(f[n/2:]); a > 0 {
		t.bend = b / a
	} else if b > 0 {
		t.bend = math.Inf(1) // it began in the second half
	}
	if t.rate > 0 {
		t.tail = rateOf(f[n*3/4-1:]) / t.rate
	}
	if rise := f[n-1].value - f[0].value; rise > 0 {
		for i := 1; i < n; i++ {
			t.jump = max(t.jump, (f[i].value-f[i-1].value)/rise)
		}
	}
}

// slopesOf appends the slope between any two floors to slopes, and returns Kendall's S: how
// many rise, less how many fall.
func slopesOf(f []floor, slopes []float64) (_ []float64, s float64) {
	for i := range f {
		for k := i + 1; k < len(f); k++ {
			rise := f[k].value - f[i].value
			slopes = append(slopes, rise/(f[k].time-f[i].time))
			switch {
			case rise > 0:
				s++
			case rise < 0:
				s--
			}
		}
	}
	return slopes, s
}

// variance is that of Kendall's S without a trend, with ties counted off.
func variance(f []floor) float64 {
	n := float64(len(f))
	v := n * (n - 1) * (2*n + 5)
	values := make([]float64, 0, len(f))
	for i := range f {
		values = append(values, f[i].value)
	}
	slices.Sort(values)
	for begin := 0; begin < len(values); {
		end := begin + 1
		for end < len(values) && values[end] == values[begin] {
			end++
		}
		ties := float64(end - begin)
		v -= ties * (ties - 1) * (2*ties + 5)
		begin = end
	}
	return v / 18
}

func median(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[n/2] + sorted[(n-1)/2]) / 2
}

// late is the rate in the second half. What came in a step is not known to come again, so without the
// largest one if that is more than a trend may have.
func (t *trend) late() float64 {
	f := t.floors[(len(t.floors)-1)/2:]
	last, step := len(f)-1, 1
	for k := 2; k <= last; k++ {
		if f[k].value-f[k-1].value > f[step].value-f[step-1].value {
			step = k
		}
	}
	gain, took := f[last].value-f[0].value, f[last].time-f[0].time
	if rise := f[step].value - f[step-1].value; last > 1 && rise > maxJump*gain {
		gain, took = gain-rise, took-(f[step].time-f[step-1].time)
	}
	return gain / took
}

// rises reports whether the series grows by at least that much in the window, to
// its end, not by chance and not in a step.
func (t *trend) rises(least float64) bool {
	return t.z >= minZ && t.low > 0 && t.growth >= least && t.jump <= maxJump && t.tail >= minTail
}
