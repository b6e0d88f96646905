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
	// startFactor is how much faster than all later growth that of the start of a JVM is.
	startFactor = 2
)

// traffic is how fast a leak grew at different times, per hour.
type traffic struct {
	mean       float64 // all the time
	slow, fast float64 // in the slowest phase but for pauses, and in the fastest one
	paused     bool
	floors     []floor // since it began
}

// trafficOf returns what the trend of a leak says of its traffic; ok is false if it says nothing. If it
// begins with the JVM, its first phases are the start of the JVM where they are that much faster than
// all later ones, and do not count.
func trafficOf(t *trend, withJVM bool) (f traffic, ok bool) {
	last := len(t.floors) - 1
	gain, from := t.floors[last].value-t.floors[0].value, 0
	for k := range t.floors { // it was not there from the start
		if t.floors[k].value <= t.floors[0].value+startOfGain*gain {
			from = k
		}
	}
	for {
		f, ok = t.trafficSince(from)
		next := from + max(1, (last-from)/phases)
		if !ok || !withJVM || t.between(from, next) < startFactor*f.fastestAfter(next-from) {
			return f, ok
		}
		from = next
	}
}

// fastestAfter is the rate in the fastest phase after the first floors.
func (f *traffic) fastestAfter(first int) (fastest float64) {
	t := trend{floors: f.floors}
	for k := first; k+first < len(f.floors); k++ {
		fastest = max(fastest, t.between(k, k+first))
	}
	return fastest
}

// trafficSince is that since a floor.
func (t *trend) trafficSince(from int) (f traffic, ok bool) {
	last := len(t.floors) - 1
	if last-from < phases {
		return f, false
	}
	f.floors = t.floors[from:]
	f.mean = t.between(from, last)
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

// lately returns the mean of the traffic while the leak last grew by so much, of one phase at least,
// and how many hours that took: all the time since it began if it did not grow by so much yet.
func (f *traffic) lately(gain float64) (mean, hours float64) {
	last := len(f.floors) - 1
	now := f.floors[last]
	for k := last - last/phases; k > 0; k-- {
		if came := now.value - f.floors[k].value; came >= gain && came > 0 {
			hours = now.time - f.floors[k].time
			return came / hours, hours
		}
	}
	return f.mean, now.time - f.floors[0].time
}

// atTraffic makes the rate of a trend that of the traffic that was seen.
func (t *trend) atTraffic(rate float64, f *traffic) {
	t.rate, t.low, t.high = rate, rate*min(1, f.slow/f.mean), rate*max(1, f.fast/f.mean)
}
