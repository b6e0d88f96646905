package sample

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// longestPause and longestIntervals bound the time between two samples, whichever is
	// longer: a verdict needs 30 samples, which then takes 2.5 hours.
	longestPause     = 5 * time.Minute
	longestIntervals = 30
	// newWeight is the weight of the newest value in the moving averages: of the expected
	// cost of a sample (the first one of a JVM is expensive), and of the time between two.
	newWeight = 0.25
	// loanShare of what accrues is for walks through malloc's blocks, and for evidence.
	loanShare = 0.25
	// ratioWindow is the time over which the CPU usage is reported, at least half of it.
	ratioWindow = 5 * time.Minute
)

// Throttle limits the CPU time of the whole process: samples, requests, log lines. A share
// of one core accrues as credit, and the CPU time used is charged to it. A sample is
// allowed if the credit covers its expected cost. Half of what accrues is reserved for
// samples: on an overloaded node the wake-ups of a process alone can use up all of it
// when samples are needed most.
//
// Credit and debt are at most what accrues in the longest time between two samples. The
// credit starts there: 300 ms by default, some 30 samples. So the history of a new JVM
// fills at once, a quiet night saves no more than 5 minutes of credit, and a debt (of the
// start, urgent samples, many requests) is settled in that time. At least one sample is
// taken in the longest time.
//
// The callers pass the time and the CPU time used so far.
type Throttle struct {
	share    float64 // of one core; 0: no limit
	interval time.Duration

	credit  time.Duration // negative: a debt
	loan    time.Duration // what was deferred, and not charged yet
	settled CPUTime
	cost    time.Duration // expected, of a sample
	last    CPUTime       // when the last sample began, or was not needed
	gap     time.Duration // moving average of the time between two samples; 0: there were no two
	older   CPUTime       // start of the window of Ratio
	newer   CPUTime       // start of the next window
}

// CPUTime is the CPU time used by the process up to a time.
type CPUTime struct {
	at  time.Time
	cpu time.Duration
}

// NewThrottle returns a Throttle for a share of one core, and for a sample every interval
// if the share allows.
func NewThrottle(share float64, interval time.Duration, now CPUTime) *Throttle {
	t := &Throttle{share: share, interval: interval, settled: now, older: now, newer: now}
	t.credit = t.most()
	return t
}

// longest is the longest time between two samples.
func (t *Throttle) longest() time.Duration {
	return max(longestPause, longestIntervals*t.interval)
}

// most is the maximum of credit and debt.
func (t *Throttle) most() time.Duration { return t.accrued(t.longest()) }

func (t *Throttle) accrued(d time.Duration) time.Duration {
	return time.Duration(t.share * float64(d))
}

// settle adds what has accrued since the last time, and charges what was used.
func (t *Throttle) settle(now CPUTime, sampled bool) {
	accrued, used := t.accrued(now.at.Sub(t.settled.at)), now.cpu-t.settled.cpu // less than 0: what was charged is deferred now
	if !sampled {
		used = min(used, accrued/2)
	}
	repaid := min(t.loan, time.Duration(loanShare*float64(accrued)))
	t.loan -= repaid
	used += repaid
	t.credit += accrued - used
	t.credit = min(max(t.credit, -t.most()), t.most())
	t.settled = now
	if now.at.Sub(t.newer.at) >= ratioWindow/2 {
		t.older, t.newer = t.newer, now
	}
}

// Affords reports whether to take a sample now.
func (t *Throttle) Affords(now CPUTime) bool {
	t.settle(now, false)
	return t.share == 0 || t.last.at.IsZero() || t.credit >= t.cost || now.at.Sub(t.last.at) >= t.longest()-t.interval/2
}

// AffordsWalk reports whether to walk through malloc's blocks now: what was deferred has been
// charged. A walk of large memory, or evidence, uses up more than the credit at once. It is charged bit by
// bit, so that it delays no sample for long.
func (t *Throttle) AffordsWalk() bool { return t.share == 0 || t.loan == 0 }

// Defer is called with CPU time that is charged bit by bit, and is no part of the cost of a sample: of a
// walk, or of evidence.
func (t *Throttle) Defer(used time.Duration) {
	t.loan += used
	t.settled.cpu += used
	t.last.cpu += used
}

// Waive is called where a sample is not needed, whether it is allowed or not.
func (t *Throttle) Waive(now CPUTime) { t.last.at = now.at }

// Begin is called before a sample.
func (t *Throttle) Begin(now CPUTime) {
	t.settle(now, false)
	if !t.last.at.IsZero() {
		t.gap = average(t.gap, now.at.Sub(t.last.at))
	}
	t.last = now
}

// End is called after a sample.
func (t *Throttle) End(now CPUTime) {
	t.cost = average(t.cost, max(0, now.cpu-t.last.cpu))
	t.settle(now, true)
}

func average(before, now time.Duration) time.Duration {
	if before == 0 {
		return now
	}
	return before + time.Duration(newWeight*float64(now-before))
}

// Interval is the current time between two samples, or times at which none was needed; false: it
// is not known yet.
func (t *Throttle) Interval() (time.Duration, bool) {
	d := max(t.gap, t.settled.at.Sub(t.last.at))
	return d, t.gap > 0 || !t.last.at.IsZero() && d > t.interval
}

// Ratio is the share of a core used in the last minutes; nil: not known yet.
func (t *Throttle) Ratio() *float64 {
	passed := t.settled.at.Sub(t.older.at)
	if passed < t.interval {
		return nil
	}
	return new((t.settled.cpu - t.older.cpu).Seconds() / passed.Seconds())
}

// Spent is the CPU time of this process.
func Spent() CPUTime {
	var r unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &r) // fails for a bad argument only
	return CPUTime{time.Now(), time.Duration(r.Utime.Nano() + r.Stime.Nano())}
}
