package diagnosis

import (
	"math"
	"slices"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// A window must have minPoints samples and light readings together: 10 minutes at the
	// default interval. minSamples of them must be samples, which alone have the rows.
	minPoints, minSamples = 60, 30
	// Of the whole time since a JVM started, fewer are enough from leastMillis on: so the first verdict at
	// the default interval takes 7 minutes. Where they are rarer than each sparseMillis, they are not:
	// garbage is gone only in some.
	fewPoints, fewSamples     = 36, 18
	leastMillis, sparseMillis = 5 * 60 * 1000, 15 * 1000
	// startShare is left out at the start of a JVM: it takes its first memory then.
	startShare = 0.05

	// straight is how fast the second half of a window must grow, compared with
	// the first, to be a line. What slows down levels off some time: it counts only
	// if that is beyond the limit, and not at all below slowing.
	straight, slowing = 0.95, 0.5
	// straightPart is the least for the second half of a history that as a whole
	// slows down: a curve that levels off looks straighter the shorter the part.
	straightPart = 0.9
	// late is how fast a later part must grow, compared with the whole, to be
	// judged by itself: it began late.
	late = 0.95
	// steep: a window whose second half grows so much faster must be confirmed by
	// that half. Else it is a ramp that may have ended.
	steep = 1.5
)

// judge holds one container's history while it is judged.
type judge struct {
	c *history.Container
	// undivided: the collector has no generations, the old one is the whole heap.
	undivided bool
	// windows end at the last sample. The first begins when the JVM has started, each other one is
	// the second half of the one before. None if there are too few samples.
	windows    []window
	samples    int   // since the JVM started
	points     int   // samples and light readings
	at         int64 // the time of the last sample
	generation int64 // of the JVM
	started    int64 // its first sample
	last       map[string]float64
	cpu        *clock // to the JVM's CPU time in milliseconds; nil if that is not known
	byCPU      *clock // the same, scaled; nil: too little is known to judge by it
	axis       *clock // nil: judged over time
	trends     map[question]answer
	survived   map[string][]survival
}

// window is a time between two moments, in milliseconds since 1970.
type window struct{ from, to int64 }

func (w window) half() window { return window{w.from + (w.to-w.from)/2, w.to} }

func newJudge(c *history.Container) *judge {
	j := &judge{c: c, last: make(map[string]float64), trends: make(map[question]answer), survived: make(map[string][]survival)}
	if hasNoGenerations(c) {
		j.c, j.undivided = withoutGenerations(c), true
	}
	// The JVM generation is known only for samples, not for light readings.
	var times []int64
	j.generation = history.Unknown
	for time, p := range j.c.Points(history.JVMGeneration) {
		if p.Last != j.generation {
			times = times[:0]
		}
		times, j.generation = append(times, time), p.Last
	}
	if len(times) == 0 {
		return j
	}
	to := times[len(times)-1]
	j.at, j.started = to, times[0]
	j.cpu = j.cpuClock()
	j.byCPU = j.cpu.scaled()
	points := j.counted()
	j.samples, j.points = len(times), len(points)
	from := times[0] + int64(startShare*float64(to-times[0]))
	for {
		times, points = since(times, from), since(points, from)
		w := window{from, to}
		if !w.enough(len(j.windows) == 0, len(times), len(points)) {
			return j
		}
		j.windows = append(j.windows, w)
		from += (to - from) / 2
	}
}

// enough reports whether a window with so many samples, and points with light readings, can be judged.
// first: it is the whole time since the JVM started.
func (w window) enough(first bool, samples, points int) bool {
	if samples >= minSamples && points >= minPoints {
		return true
	}
	length := w.to - w.from
	return first && samples >= fewSamples && points >= fewPoints && length >= leastMillis && length <= sparseMillis*int64(points)
}

// counted returns the times of the samples and light readings that have the number of
// threads.
func (j *judge) counted() (times []int64) {
	for time := range j.c.Points(history.Threads) {
		if time >= j.started && time <= j.at {
			times = append(times, time)
		}
	}
	return times
}

// since returns the times from one on.
func since(times []int64, from int64) []int64 {
	i, _ := slices.BinarySearch(times, from)
	return times[i:]
}

// now returns what a series was at the last sample; ok is false if it was not known
// then.
func (j *judge) now(name string) (value float64, ok bool) {
	value, ok = j.last[name]
	if ok {
		return value, true
	}
	for _, t := range slices.Backward(j.c.Tracks) {
		i, there := slices.BinarySearch(t.Times, j.at)
		if p := t.Series[name].At(i); there && p.Last != history.Unknown {
			j.last[name] = float64(p.Last)
			return float64(p.Last), true
		}
	}
	return 0, false
}

// rising returns the trend of a series that grows and does not stop, by at least
// that much, judged in the longest window that shows it.
func (j *judge) rising(name string, least float64) (trend, bool) {
	find := func(w window) (trend, bool) { return j.trendOf(name, w) }
	if elsewhere(name) {
		return j.longest(find, least, j.room())
	}
	return j.risingIn(find, least, j.room())
}

// elsewhere reports whether a series may grow by the work of other processes.
func elsewhere(series string) bool {
	switch series {
	case history.Row(rows.OtherProcesses), history.Row(rows.Shmem), history.Row(rows.Kernel), history.Row(rows.Unattributed), history.Unreclaimable:
		return true
	}
	return false
}

// risingIn is rising for a trend made in another way. room is how much may come
// before a limit is reached, in its unit.
func (j *judge) risingIn(trendOf func(window) (trend, bool), least, room float64) (trend, bool) {
	find := func() (trend, bool) { return j.longest(trendOf, least, room) }
	if t, ok := find(); ok && j.steadyWork(&t) {
		return t, true
	}
	t, ok := j.byWork(find)
	if ok {
		overTime, known := trendOf(window{t.from, t.to})
		t.slows = known && overTime.bend < straight
	}
	return t, ok
}

func (j *judge) longest(trendOf func(window) (trend, bool), least, room float64) (trend, bool) {
	var whole *trend
	for k, w := range j.windows {
		t, ok := trendOf(w)
		if !ok {
			continue
		}
		if whole == nil {
			whole = &t
		}
		began := k == 0 || (t.rate >= late*whole.rate || (k == 1 && t.bend >= straightPart)) && t.newHigh(whole)
		if began && t.rises(least) && t.endless(room) && t.bend <= steep {
			return t, true
		}
	}
	return trend{}, false
}

// newHigh reports whether a later part is above all that came before it, but for
// one spike: else it comes and goes, with the hour of the day for instance.
func (t *trend) newHigh(whole *trend) bool {
	begin := hours(t.from - whole.from)
	now := t.floors[len(t.floors)-1].value
	higher := 0
	for i, f := range whole.floors {
		if f.time < begin && whole.top[i] >= now {
			higher++
		}
	}
	return higher <= 1
}

// endless reports whether a trend goes on: it is straight, or slows down so
// little that it would pass the limit.
func (t *trend) endless(room float64) bool {
	if t.bend >= straight {
		return true
	}
	// Halves that grow by b, b², ... add up to what is still to come.
	b := t.bend
	return b >= slowing && t.growth*b*b/((1+b)*(1-b)) > room
}

// room is how much more can be charged before an OOM kill; +Inf without a limit.
func (j *judge) room() float64 {
	limit, limited := j.now(history.Limit)
	unreclaimable, known := j.now(history.Unreclaimable)
	if !limited || !known {
		return math.Inf(1)
	}
	return max(0, limit-unreclaimable)
}

// rate returns how fast a series changes in a window, 0 if it is not known.
func (j *judge) rate(name string, w window) float64 {
	t, ok := j.trendOf(name, w)
	if !ok {
		return 0
	}
	return t.rate
}

// scale is what growth is compared with: the limit, else what is in use.
func (j *judge) scale() float64 {
	if limit, ok := j.now(history.Limit); ok && limit > 0 {
		return limit
	}
	unreclaimable, _ := j.now(history.Unreclaimable)
	return max(unreclaimable, 64<<20)
}

// least is how much has to come up to count, in bytes.
func (j *judge) least() float64 { return max(2<<20, 0.01*j.scale()) }
