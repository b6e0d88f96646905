package sidecar

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

// budget is an account of the CPU time of the whole process: samples, requests, log
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
type budget struct {
	share    float64 // of one core; 0: no limit
	interval time.Duration

	credit  time.Duration // negative: a debt
	settled spent
	cost    time.Duration // of a sample, expected
	last    spent         // when the last sample began
	gap     time.Duration // between two samples, lately; 0: there were no two
	older   spent         // where the ratio begins
	newer   spent         // where it will begin
}

// spent is the CPU time that was used until a time.
type spent struct {
	at  time.Time
	cpu time.Duration
}

func newBudget(share float64, interval time.Duration, now spent) *budget {
	b := &budget{share: share, interval: interval, settled: now, older: now, newer: now}
	b.credit = b.most()
	return b
}

// longest is how long rows may stay as they are.
func (b *budget) longest() time.Duration {
	return max(longestStretch, longestIntervals*b.interval)
}

// most is the greatest credit and debt.
func (b *budget) most() time.Duration { return b.accrued(b.longest()) }

func (b *budget) accrued(d time.Duration) time.Duration {
	return time.Duration(b.share * float64(d))
}

// settle accrues and charges what came since the last time.
func (b *budget) settle(now spent, sampled bool) {
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

// affords reports whether to take a sample of everything now.
func (b *budget) affords(now spent) bool {
	b.settle(now, false)
	return b.share == 0 || b.last.at.IsZero() || b.credit >= b.cost || now.at.Sub(b.last.at) >= b.longest()-b.interval/2
}

// begin and end enclose a sample.
func (b *budget) begin(now spent) {
	b.settle(now, false)
	if !b.last.at.IsZero() {
		b.gap = average(b.gap, now.at.Sub(b.last.at))
	}
	b.last = now
}

func (b *budget) end(now spent) {
	b.cost = average(b.cost, now.cpu-b.last.cpu)
	b.settle(now, true)
}

func average(before, now time.Duration) time.Duration {
	if before == 0 {
		return now
	}
	return before + time.Duration(latest*float64(now-before))
}

// stretch is the time between two samples of everything, as it is now; false: it is
// too early to tell.
func (b *budget) stretch() (time.Duration, bool) {
	d := max(b.gap, b.settled.at.Sub(b.last.at))
	return d, b.gap > 0 || !b.last.at.IsZero() && d > b.interval
}

// ratio is the share of a core that was used in the last minutes; nil: not known, as
// that of an instant is anything.
func (b *budget) ratio() *float64 {
	passed := b.settled.at.Sub(b.older.at)
	if passed < b.interval {
		return nil
	}
	return new((b.settled.cpu - b.older.cpu).Seconds() / passed.Seconds())
}

// spentNow is that of this process.
func spentNow() spent {
	var r unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &r) // fails for a bad argument only
	return spent{time.Now(), time.Duration(r.Utime.Nano() + r.Stime.Nano())}
}
