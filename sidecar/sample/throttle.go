package sample

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// longestStretch and longestIntervals are how long rows may stay as they are,
	// whichever is longer: a verdict takes 60 samples, which is 5 hours then.
	longestStretch   = 5 * time.Minute
	longestIntervals = 30
	// latest is the share of the latest sample in moving averages: of what the next
	// is expected to cost (the first one of a JVM is dear), and of the gaps.
	latest = 0.25
	// ratioWindow is the time over which the own CPU is told, at least half of it.
	ratioWindow = 5 * time.Minute
)

// Throttle is an account of the CPU time of the whole process: samples, requests, log
// lines. What accrues is a share of one core, and what was used is charged; a
// sample of everything is taken when there is enough for what it is expected to cost.
// Half of what accrues is for samples whatever else takes: on a node that is far too
// busy the wakes of a process alone can take all, just when samples are needed.
//
// Credit and debt are at most what accrues in the longest stretch, by which it also
// begins: 300 ms at the default, some 30 samples. So the history of a new JVM fills
// at once, while a quiet night pays for 5 minutes of a storm and no more; and
// what was overdrawn (at the start, by urgent samples, by many requests) is paid back
// in that time. At least one sample is taken in the longest stretch.
//
// It is told the time and the CPU time used so far, and asks for neither.
type Throttle struct {
	share    float64 // of one core; 0: no limit
	interval time.Duration

	credit  time.Duration // negative: a debt
	settled CPUTime
	cost    time.Duration // of a sample, expected
	last    CPUTime       // when the last sample began
	gap     time.Duration // between two samples, lately; 0: there were no two
	older   CPUTime       // where the ratio begins
	newer   CPUTime       // where it will begin
}

// CPUTime is the CPU time that was used until a time.
type CPUTime struct {
	at  time.Time
	cpu time.Duration
}

func NewThrottle(share float64, interval time.Duration, now CPUTime) *Throttle {
	b := &Throttle{share: share, interval: interval, settled: now, older: now, newer: now}
	b.credit = b.most()
	return b
}

// longest is how long rows may stay as they are.
func (b *Throttle) longest() time.Duration {
	return max(longestStretch, longestIntervals*b.interval)
}

// most is the greatest credit and debt.
func (b *Throttle) most() time.Duration { return b.accrued(b.longest()) }

func (b *Throttle) accrued(d time.Duration) time.Duration {
	return time.Duration(b.share * float64(d))
}

// settle accrues and charges what came since the last time.
func (b *Throttle) settle(now CPUTime, sampled bool) {
	accrued, used := b.accrued(now.at.Sub(b.settled.at)), now.cpu-b.settled.cpu
	if !sampled {
		used = min(used, accrued/2)
	}
	b.credit += accrued - used
	b.credit = min(max(b.credit, -b.most()), b.most())
	b.settled = now
	if now.at.Sub(b.newer.at) >= ratioWindow/2 {
		b.older, b.newer = b.newer, now
	}
}

// Affords reports whether to take a sample of everything now.
func (b *Throttle) Affords(now CPUTime) bool {
	b.settle(now, false)
	return b.share == 0 || b.last.at.IsZero() || b.credit >= b.cost || now.at.Sub(b.last.at) >= b.longest()-b.interval/2
}

// Begin and End enclose a sample.
func (b *Throttle) Begin(now CPUTime) {
	b.settle(now, false)
	if !b.last.at.IsZero() {
		b.gap = average(b.gap, now.at.Sub(b.last.at))
	}
	b.last = now
}

func (b *Throttle) End(now CPUTime) {
	b.cost = average(b.cost, now.cpu-b.last.cpu)
	b.settle(now, true)
}

func average(before, now time.Duration) time.Duration {
	if before == 0 {
		return now
	}
	return before + time.Duration(latest*float64(now-before))
}

// Interval is the time between two samples of everything, as it is now; false: it is
// too early to tell.
func (b *Throttle) Interval() (time.Duration, bool) {
	d := max(b.gap, b.settled.at.Sub(b.last.at))
	return d, b.gap > 0 || !b.last.at.IsZero() && d > b.interval
}

// Ratio is the share of a core that was used in the last minutes; nil: not known, as
// that of an instant is anything.
func (b *Throttle) Ratio() *float64 {
	passed := b.settled.at.Sub(b.older.at)
	if passed < b.interval {
		return nil
	}
	return new((b.settled.cpu - b.older.cpu).Seconds() / passed.Seconds())
}

// Spent is that of this process.
func Spent() CPUTime {
	var r unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &r) // fails for a bad argument only
	return CPUTime{time.Now(), time.Duration(r.Utime.Nano() + r.Stime.Nano())}
}
