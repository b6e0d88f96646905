package diagnosis

import (
	"sort"

	"github.com/jvmem/jvmem/sidecar/history"
)

// A leak grows with the work that the JVM does: over time its curve is that of the
// traffic. Where the history has the CPU time of the JVM, growth is judged against it as
// well. A pause is then no levelling off, half the traffic no curve.

const (
	// minWorkPoints is how many times the CPU time must be known, minWork how much of it there
	// must be, in milliseconds.
	minWorkPoints, minWork = 20, 100
	// idle is how fast work goes on at least, of its mean: something else may grow.
	idle = 0.02
	// accelerated: where the second half of a window did so much more work than the first,
	// a line over time can be a curve that levels off.
	accelerated = 1.3
)

// clock maps time to work.
type clock struct{ times, work []int64 }

// cpuClock is the clock of the JVM's CPU time; nil if that is not known.
func (j *judge) cpuClock() *clock {
	c := &clock{}
	for time, p := range j.c.Points(history.CPUMillis) {
		if time < j.started || time > j.at {
			continue
		}
		if n := len(c.work); n > 0 && p.Last < c.work[n-1] {
			return nil
		}
		c.times, c.work = append(c.times, time), append(c.work, p.Last)
	}
	if len(c.times) == 0 {
		return nil
	}
	return c
}

// scaled is the clock with work that begins and ends at the same numbers as time; nil if too
// little is known.
func (c *clock) scaled() *clock {
	if c == nil {
		return nil
	}
	n := len(c.times)
	span, spent := float64(c.times[n-1]-c.times[0]), float64(c.work[n-1]-c.work[0])
	if n < minWorkPoints || spent < minWork || span <= 0 {
		return nil
	}
	s := &clock{times: c.times, work: make([]int64, n)}
	for i := range c.times {
		passed := float64(c.times[i]-c.times[0]) / span
		s.work[i] = c.times[0] + int64(span*(idle*passed+(1-idle)*float64(c.work[i]-c.work[0])/spent))
	}
	return s
}

// at returns the work at a time.
func (c *clock) at(time int64) int64 { return interpolate(c.times, c.work, time) }

// time returns when so much work was done.
func (c *clock) time(work int64) int64 { return interpolate(c.work, c.times, work) }

func interpolate(from, to []int64, at int64) int64 {
	i := sort.Search(len(from), func(i int) bool { return from[i] >= at })
	switch {
	case i == 0:
		return to[0] + at - from[0]
	case i == len(from):
		return to[i-1] + at - from[i-1]
	case from[i] == from[i-1]:
		return to[i]
	}
	return to[i-1] + int64(float64(to[i]-to[i-1])*float64(at-from[i-1])/float64(from[i]-from[i-1]))
}

// x is where a time is on the axis that is judged by: time, or work.
func (j *judge) x(time int64) int64 {
	if j.axis == nil {
		return time
	}
	return j.axis.at(time)
}

// begin is a time before which a window has no points.
func (j *judge) begin(w window) int64 {
	if j.axis == nil {
		return w.from
	}
	return j.axis.time(w.from-1) - 1
}

// byWork judges growth against work. The trend that is returned is over time again.
func (j *judge) byWork(find func() (trend, bool)) (trend, bool) {
	if j.byCPU == nil {
		return trend{}, false
	}
	j.axis = j.byCPU
	t, ok := find()
	j.axis = nil
	if !ok {
		return t, false
	}
	from, to := j.byCPU.time(t.from), j.byCPU.time(t.to)
	if to > from {
		pace := float64(t.to-t.from) / float64(to-from)
		t.rate, t.low, t.high = t.rate*pace, t.low*pace, t.high*pace
	}
	t.from, t.to = from, to
	return t, true
}

// steadyWork reports whether the JVM did about as much in the second half of a window as in
// the first, or it is not known.
func (j *judge) steadyWork(t *trend) bool {
	if j.byCPU == nil {
		return true
	}
	middle := t.from + (t.to-t.from)/2
	first, second := j.byCPU.at(middle)-j.byCPU.at(t.from), j.byCPU.at(t.to)-j.byCPU.at(middle)
	return float64(second) <= accelerated*float64(first)
}

// work returns the CPU time of the JVM between two moments, in milliseconds; ok is false if
// it is not known.
func (j *judge) work(from, to int64) (float64, bool) {
	if j.cpu == nil {
		return 0, false
	}
	return float64(j.cpu.during(to) - j.cpu.during(from)), true
}

// during is at, without work before and after what is known.
func (c *clock) during(time int64) int64 {
	return c.at(min(max(time, c.times[0]), c.times[len(c.times)-1]))
}
