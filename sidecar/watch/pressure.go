package watch

import (
	"math"
	"time"

	"github.com/jvmem/jvmem/cgroup"
)

const (
	mib = 1 << 20

	// slow and fast are the time between two polls, by the rate of growth; slowest is
	// for who has room for more than fastestGrowth brings until then.
	slowest = time.Second
	slow    = 200 * time.Millisecond
	fast    = 25 * time.Millisecond
	// fastestGrowth is what a thread that touches new pages may reach, in bytes a second.
	fastestGrowth = 1 << 30
	// pollsToLimit is how many polls there shall be before the limit is reached.
	pollsToLimit = 8

	// noticeable is a change of usage for which memory.stat is read.
	noticeable = mib
	// staleAfter is the most that the last reading may be behind, steadyAfter where
	// usage is the same, but for less than slight.
	staleAfter  = time.Second
	steadyAfter = 5 * time.Second
	slight      = 64 << 10

	// noise is how far usage moves by itself: the kernel charges 64 pages a CPU in
	// advance.
	noise = mib / 2
	// shareOfTime is the part of the time that samples may take: one in so many.
	shareOfTime = 10
	// leastPause is between two samples, however fast they are.
	leastPause = 100 * time.Millisecond
)

// pressure judges how near the limit one container is. What counts is what the
// kernel cannot reclaim: page cache alone never kills. A sample is urgent when since
// the last one this rose
//
//   - by 16 MiB, or 3 % of a limit above 533 MiB,
//   - or by an eighth of the room that was left, which is less near the limit (but
//     more than noise),
//   - or at all, in a second, with less room than 4 MiB or 1 % of the limit.
//
// So the samples get denser as the room gets smaller, and a container that is
// full but steady costs nothing. They take a tenth of the time at most; half of it
// where at the present rate the limit would be reached before the next.
type pressure struct {
	limit *int64
	// held could not be reclaimed at the last sample, which ended at that time.
	held int64
	at   time.Time
	took time.Duration

	last, before *cgroup.Reading
}

// sampled takes the reading at the end of a sample and how long that took.
func (p *pressure) sampled(r *cgroup.Reading, took time.Duration) {
	p.add(r)
	p.held, p.at, p.took = held(r), r.Time, took
}

func (p *pressure) add(r *cgroup.Reading) { p.before, p.last = p.last, r }

// wants reports whether memory.stat is to be read, now that usage is known.
func (p *pressure) wants(usage int64, now time.Time) bool {
	if p.last == nil {
		return true
	}
	change := max(usage-p.last.UsageBytes, p.last.UsageBytes-usage)
	if age := now.Sub(p.last.Time); age >= steadyAfter || age >= staleAfter && change >= slight {
		return true
	}
	// Where the limit is near usage may stay while page cache is replaced.
	return change >= noticeable || p.limit != nil && *p.limit-usage < *p.limit/16
}

// held is what cannot be reclaimed, as far as that is known.
func held(r *cgroup.Reading) int64 {
	if n := r.UnreclaimableBytes(); n != nil {
		return *n
	}
	return r.UsageBytes
}

// urgent reports whether to sample now, and what grew since the last sample.
func (p *pressure) urgent(now time.Time) (grown int64, urgent bool) {
	if p.limit == nil || p.last == nil || p.at.IsZero() {
		return 0, false
	}
	since := now.Sub(p.at)
	grown = held(p.last) - p.held
	pause := max(leastPause, (shareOfTime-1)*p.took)
	if p.left() < pause {
		pause = max(leastPause, p.took)
	}
	if since < pause || grown <= 0 {
		return grown, false
	}
	step := min(max(16*mib, *p.limit*3/100), max((*p.limit-p.held)/8, noise))
	verge := max(4*mib, *p.limit/100)
	return grown, grown >= step || *p.limit-held(p.last) < verge && since >= time.Second
}

// interval returns how long to wait for the next poll, at the present rate.
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
	room := time.Duration(float64(*p.limit-held(p.last)) / fastestGrowth * float64(time.Second))
	return min(max(room, slow), slowest)
}

// left returns when the limit is reached at the rate of the last two readings.
func (p *pressure) left() time.Duration {
	if p.limit == nil || p.before == nil || held(p.last) <= held(p.before) {
		return math.MaxInt64
	}
	passed := p.last.Time.Sub(p.before.Time).Seconds()
	rate := float64(held(p.last)-held(p.before)) / passed
	return time.Duration(min(float64(*p.limit-held(p.last))/rate, 3600) * float64(time.Second))
}
