package diagnosis

import "math"

// A leak is a meter of the traffic that makes it grow. How fast it will be full depends on the
// traffic to come, which nobody knows: the forecast assumes the mean of what was seen, pauses
// included, and its interval the slowest and the fastest of it.

const (
	// phases are the parts of equal length that are compared. One that grows at less than
	// pauseShare of the mean is a pause. From changing on, of the slowest, the fastest is
	// another traffic, as is a pause. What falls and rises is noise, not traffic.
	phases     = 5
	pauseShare = 0.1
	changing   = 1.5
	// changingHeap is the same for a heap: what survives collections is known only roughly.
	changingHeap = 2
)

// traffic is how fast a leak grew at different times, per hour.
type traffic struct {
	mean, late float64 // all the time, and in the second half
	slow, fast float64 // in the slowest phase but for pauses, and in the fastest one
	paused     bool
}

// trafficOf returns what the trend of a leak says of its traffic; ok is false if it says nothing.
func trafficOf(t *trend) (f traffic, ok bool) {
	last := len(t.floors) - 1
	gain, from := t.floors[last].value-t.floors[0].value, 0
	for k := range t.floors { // it was not there from the start
		if t.floors[k].value <= t.floors[0].value+startOfGain*gain {
			from = k
		}
	}
	if last-from < phases {
		return f, false
	}
	f.mean = t.between(from, last)
	f.late = t.between(last/2, last)
	f.slow = math.Inf(1)
	noise := 0.0
	for k := from + 1; k <= last; k++ {
		noise = max(noise, t.floors[k-1].value-t.floors[k].value)
	}
	for k := range phases {
		a, b := from+k*(last-from)/phases, from+(k+1)*(last-from)/phases
		rate := t.between(a, b)
		if math.Abs(rate-f.mean)*(t.floors[b].time-t.floors[a].time) <= 2*noise {
			rate = f.mean
		}
		switch {
		case rate < pauseShare*f.mean:
			f.paused = true
		default:
			f.slow, f.fast = min(f.slow, rate), max(f.fast, rate)
		}
	}
	return f, f.mean > 0 && f.fast > 0
}

func (f *traffic) changes(by float64) bool { return f.paused || f.fast > by*f.slow }

// between is the rate between two floors.
func (t *trend) between(i, k int) float64 {
	return (t.floors[k].value - t.floors[i].value) / (t.floors[k].time - t.floors[i].time)
}

// endToEnd makes the rate of a trend that of the traffic that was seen.
func (t *trend) endToEnd(rate float64, f *traffic) {
	t.rate, t.low, t.high = rate, rate*min(1, f.slow/f.mean), rate*max(1, f.fast/f.mean)
}

// growthAt returns the trend of a series that grows with a leak, at the mean traffic of a
// window; ok is false if it did not grow. What does not come with the leak may have ended by
// now, so the second half counts, at the traffic of the whole.
func (j *judge) growthAt(series string, w window, f *traffic) (trend, bool) {
	t, ok := j.trendOf(series, w.half())
	if ok && f.late > pauseShare*f.mean {
		if rate := t.between(0, len(t.floors)-1) * f.mean / f.late; rate > 0 {
			t.endToEnd(rate, f)
			return t, true
		}
	}
	if t, ok = j.trendOf(series, w); !ok {
		return t, false
	}
	rate := t.between(0, len(t.floors)-1)
	t.endToEnd(rate, f)
	return t, rate > 0
}
