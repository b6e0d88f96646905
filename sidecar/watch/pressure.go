package watch

import (
	"math"
	"time"

	"github.com/jvmem/jvmem/cgroup"
)

const (
	mib = 1 << 20

	// slow and fast bound the time between two polls, which depends on the rate of growth.
	// slowest applies if there is more room than fastestGrowth fills until then.
	slowest = time.Second
	slow    = 200 * time.Millisecond
	fast    = 25 * time.Millisecond
	// fastestGrowth is the rate of a thread that only touches new pages, in bytes a second.
	fastestGrowth = 1 << 30
	// pollsToLimit is the number of polls before the limit is reached.
	pollsToLimit = 8

	// noticeable is a change of usage for which memory.stat is read.
	noticeable = mib
	// staleAfter is the maximum age of the last reading, steadyAfter if usage has changed
	// by less than slight.
	staleAfter  = time.Second
	steadyAfter = 5 * time.Second
	slight      = 64 << 10

	// noisePages is the variation of usage without any growth: the kernel charges 64 pages for
	// each CPU in advance.
	noisePages = 2 * 64
	// shareOfTime bounds the time that samples take, to one part in so many.
	shareOfTime = 10
	// leastPause is the minimum time between two samples.
	leastPause = 100 * time.Millisecond
)

// pressure decides when a container is so near its limit that a sample is urgent. What
// counts is unreclaimable memory: page cache alone leads to no OOM kill. A sample is
// urgent if unreclaimable memory has grown since the last one
//
//   - by 16 MiB, or 3 % of a limit above 533 MiB,
//   - or by an eighth of the room that was left, which is less near the limit (but
//     at least noisePages),
//   - or at all, after a second, with less room than 4 MiB or 1 % of the limit.
//
// So samples get more frequent as the room gets smaller, and a container that is full but
// steady costs nothing. They take a tenth of the time at most; half of it if at the
// present rate the limit would be reached before the next one.
type pressure struct {
	limit     *int64
	pageBytes int64
	// unreclaimable is that of the last sample, which ended at that time.
	unreclaimable int64
	at            time.Time
	took          time.Duration

	last, before *cgroup.Reading
}

// sampled takes the reading at the end of a sample, and how long the sample took.
func (p *pressure) sampled(r *cgroup.Reading, took time.Duration) {
	p.add(r)
	p.unreclaimable, p.at, p.took = unreclaimable(r), r.Time, took
}

func (p *pressure) add(r *cgroup.Reading) { p.before, p.last = p.last, r }

// wantsReading reports whether a light reading is due, by the present usage.
func (p *pressure) wantsReading(usage int64, now time.Time) bool {
	if p.last == nil {
		return true
	}
	change := max(usage-p.last.UsageBytes, p.last.UsageBytes-usage)
	if age := now.Sub(p.last.Time); age >= steadyAfter || age >= staleAfter && change >= slight {
		return true
	}
	// Near the limit usage can stay the same while page cache is replaced.
	return change >= noticeable || p.limit != nil && *p.limit-usage < *p.limit/16
}

// unreclaimable is the unreclaimable memory; usage if that is not known.
func unreclaimable(r *cgroup.Reading) int64 {
	if n := r.UnreclaimableBytes(); n != nil {
		return *n
	}
	return r.UsageBytes
}

// urgent reports whether a sample is urgent, and the growth since the last one.
func (p *pressure) urgent(now time.Time) (grown int64, urgent bool) {
	if p.limit == nil || p.last == nil || p.at.IsZero() {
		return 0, false
	}
	since := now.Sub(p.at)
	grown = unreclaimable(p.last) - p.unreclaimable
	pause := max(leastPause, (shareOfTime-1)*p.took)
	if p.left() < pause {
		pause = max(leastPause, p.took)
	}
	if since < pause || grown <= 0 {
		return grown, false
	}
	step := min(max(16*mib, *p.limit*3/100), max((*p.limit-p.unreclaimable)/8, noisePages*p.pageBytes))
	verge := max(4*mib, *p.limit/100)
	return grown, grown >= step || *p.limit-unreclaimable(p.last) < verge && since >= time.Second
}

// interval returns the time to the next poll, at the present rate.
func (p *pressure) interval(now time.Time) time.Duration {
	if p.last == nil {
		return slow
	}
	if now.Sub(p.last.Time) < slow {
		return min(max(p.left()/pollsToLimit, fast), slow)
	}
	if p.limit == nil {
		return slowest
	}
	room := time.Duration(float64(*p.limit-unreclaimable(p.last)) / fastestGrowth * float64(time.Second))
	return min(max(room, slow), slowest)
}

// left returns the time until the limit is reached, at the rate of the last two readings.
func (p *pressure) left() time.Duration {
	if p.limit == nil || p.before == nil || unreclaimable(p.last) <= unreclaimable(p.before) {
		return math.MaxInt64
	}
	passed := p.last.Time.Sub(p.before.Time).Seconds()
	rate := float64(unreclaimable(p.last)-unreclaimable(p.before)) / passed
	return time.Duration(min(float64(*p.limit-unreclaimable(p.last))/rate, 3600) * float64(time.Second))
}
