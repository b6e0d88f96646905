package diagnosis

import "math"

const (
	// minStairs is how many new maxima a quantity that never falls must reach, the largest
	// of them with maxJump of the gain at most.
	minStairs = 5
	// mostFall is how much of the gain it may fall in between.
	mostFall = 0.1
	// slowest is how much longer the second half of the gain may take than the first. A
	// curve that levels off takes longer when it has reached 45 % of its end.
	slowest = 1.2
	// stairsMillis is how long it must have grown: pools fill in a shorter time.
	stairsMillis = 3 * 60 * 1000
	// startOfGain is the part of the gain that does not count: growth begins after it.
	startOfGain = 0.1
	// stairsSamples is how many readings the time of the growth must have.
	stairsSamples = 15
	// overdue is how long ago the last new maximum may be, compared with the longest time
	// between two.
	overdue = 1.5
)

// stairs returns the trend of a quantity that is known exactly and never falls, as the
// number of threads or the chunks of a buffer pool. It need not grow in a line: it grows
// with the load. It must have gained least. What came while the JVM started may be left out.
func (j *judge) stairs(name string, least float64) (trend, bool) {
	for _, start := range []float64{0, 0.1, 0.2} {
		from := j.started + int64(start*float64(j.at-j.started))
		if t, ok := j.stairsFrom(from, name, least); ok && j.steadyWork(&t) {
			return t, true
		}
	}
	return trend{}, false
}

func (j *judge) stairsFrom(start int64, name string, least float64) (trend, bool) {
	type point struct {
		at    int64
		value float64
	}
	low, high, known := math.Inf(1), math.Inf(-1), 0
	for time, p := range j.c.PointsSince(name, start) {
		if time <= j.at {
			low, high = min(low, float64(p.Min)), max(high, float64(p.Min))
			known++
		}
	}
	gain := high - low
	if gain < least { // or nothing is known
		return trend{}, false
	}
	all := make([]point, 0, known)
	for time, p := range j.c.PointsSince(name, start) {
		if time <= j.at {
			all = append(all, point{time, float64(p.Min)})
		}
	}
	begin := 0
	for k := range all {
		if all[k].value <= low+startOfGain*gain {
			begin = k
		}
	}
	grown := all[begin:]
	top, last, longest := grown[0].value, grown[0].at, int64(0)
	half := int64(0)
	stairs := 0
	for _, p := range grown[1:] {
		rise := p.value - top
		if -rise > mostFall*gain || rise > maxJump*gain {
			return trend{}, false
		}
		if rise > noise*gain {
			longest = max(longest, p.at-last)
			top, last = p.value, p.at
			stairs++
			if half == 0 && top >= low+(1+startOfGain)/2*gain {
				half = p.at
			}
		}
	}
	from := grown[0].at
	if stairs < minStairs || len(grown) < stairsSamples || j.at-from < stairsMillis || half <= from ||
		float64(last-half) > slowest*float64(half-from) || float64(j.at-last) > overdue*float64(longest) {
		return trend{}, false
	}
	t, ok := j.trendOf(name, window{from, j.at})
	if !ok {
		return t, false
	}
	t.rate = gain / hours(j.at-from)
	first, second := gain/2/hours(half-from), gain/2/hours(max(last-half, 1))
	t.low, t.high = min(t.rate, first, second), max(t.rate, first, second)
	t.tau, t.bend, t.growth = 1, 1, gain
	return t, true
}
