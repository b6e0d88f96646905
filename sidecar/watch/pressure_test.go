package watch

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jvmem/jvmem/cgroup"
)

// of returns the pressure of a limit, with pages of 4 KiB.
func of(limit *int64) *pressure { return &pressure{limit: limit, pageBytes: 4 << 10} }

// run polls what grows by a law, as the watcher does, and samples whenever that is
// urgent. It returns when, and how often memory.stat was read.
func run(p *pressure, took, length time.Duration, law func(time.Duration) (usage, cache int64)) (samples []time.Duration, polls, reads int) {
	begin := time.Now()
	reading := func(at time.Duration) *cgroup.Reading {
		usage, cache := law(at)
		return &cgroup.Reading{Time: begin.Add(at), UsageBytes: usage, InactiveFileBytes: &cache, ActiveFileBytes: new(int64(0))}
	}
	p.sampled(reading(0), took)
	for at := time.Duration(0); at < length; {
		polls++
		if usage, _ := law(at); p.wantsReading(usage, begin.Add(at)) {
			reads++
			p.add(reading(at))
			if _, urgent := p.urgent(begin.Add(at)); urgent {
				samples = append(samples, at)
				at += took
				p.sampled(reading(at), took)
			}
		}
		at += p.interval(begin.Add(at))
	}
	return samples, polls, reads
}

// The last sample before the limit is at most a second old, whatever the speed, and
// sampling never takes more than its share of the time, until it is near.
func TestPressureRises(t *testing.T) {
	for _, limit := range []int64{128 * mib, 512 * mib, 8 << 30} {
		for _, speed := range []int64{100 << 10, mib, 20 * mib, 100 * mib, 500 * mib, 2 << 30} { // bytes a second
			for _, took := range []time.Duration{5 * time.Millisecond, 30 * time.Millisecond, 90 * time.Millisecond, 300 * time.Millisecond} {
				for _, cached := range []bool{false, true} {
					start := max(limit/4, limit-60*speed)
					killed := time.Duration(float64(limit-start) / float64(speed) * float64(time.Second))
					samples, _, _ := run(of(&limit), took, killed, func(at time.Duration) (usage, cache int64) {
						usage = start + int64(float64(speed)*at.Seconds())
						if cached { // page cache fills what is free
							return limit, max(limit-usage, 0)
						}
						return usage, 0
					})
					last := -took // the first ended when the time began
					for _, s := range samples {
						rest, near := s-last-took, killed-s < shareOfTime*took
						if rest < leastPause || rest < took || rest < (shareOfTime-2)*took && !near {
							t.Errorf("limit %d, %d/s, %v: samples at %v and %v", limit, speed, took, last, s)
						}
						last = s
					}

					if age := killed - max(last, 0); age > 1250*time.Millisecond {
						t.Errorf("limit %d, %d/s, %v, cached %v: the last of %d samples at %v, the kill at %v", limit, speed, took, cached, len(samples), last, killed)
					}
				}
			}
		}
	}
}

// What is full but does not rise is left in peace.
func TestPressureSteady(t *testing.T) {
	limit := int64(512 * mib)
	noisy := func() int64 { return rand.Int64N(2*mib) - mib }
	for name, law := range map[string]func(time.Duration) (usage, cache int64){
		"page cache up to the limit":   func(time.Duration) (int64, int64) { return limit - rand.Int64N(mib), limit*3/4 + noisy() },
		"page cache grows":             func(at time.Duration) (int64, int64) { n := int64(at.Seconds()) * mib; return 200*mib + n, n },
		"95 % and noise":               func(time.Duration) (int64, int64) { return limit*95/100 + noisy(), 0 },
		"99.5 % and still":             func(time.Duration) (int64, int64) { return limit * 995 / 1000, 0 },
		"half full, garbage collected": func(at time.Duration) (int64, int64) { return limit/2 + int64(at/time.Millisecond)%10_000*mib/1000, 0 },
		"shrinks":                      func(at time.Duration) (int64, int64) { return limit - int64(at.Seconds())*mib, 0 },
	} {
		if samples, polls, _ := run(of(&limit), 30*time.Millisecond, 5*time.Minute, law); len(samples) > 0 || polls > 2000 {
			t.Errorf("%s: %d samples, %d polls", name, len(samples), polls)
		}
	}
	flat := func(time.Duration) (int64, int64) { return limit / 2, 0 }
	if _, polls, reads := run(of(&limit), 0, time.Minute, flat); polls > 300 || reads > 15 {
		t.Errorf("idle: %d polls, %d readings of memory.stat in a minute", polls, reads)
	}
	large := int64(16 << 30)
	if _, polls, _ := run(of(&large), 0, time.Minute, flat); polls > 75 {
		t.Errorf("idle, with much room: %d polls in a minute", polls)
	}
	rising := func(at time.Duration) (int64, int64) { return int64(at.Seconds()) * 100 * mib, 0 }
	if samples, _, _ := run(of(nil), 0, time.Minute, rising); len(samples) > 0 {
		t.Errorf("without a limit: %d samples", len(samples))
	}
	// Where memory.stat does not report page cache, all counts as unreclaimable.
	p := of(&limit)
	now := time.Now()
	p.sampled(&cgroup.Reading{Time: now, UsageBytes: limit / 2}, 0)
	p.add(&cgroup.Reading{Time: now.Add(time.Second), UsageBytes: limit/2 + 20*mib})
	if grown, urgent := p.urgent(now.Add(time.Second)); !urgent || grown != 20*mib {
		t.Errorf("grown by %d, urgent %v", grown, urgent)
	}
}

// What the kernel charges in advance is no growth, whatever the size of a page.
func TestPressureOfLargePages(t *testing.T) {
	for _, pageBytes := range []int64{4 << 10, 16 << 10, 64 << 10} {
		limit := int64(128 * mib)
		p := &pressure{limit: &limit, pageBytes: pageBytes}
		charged := func(time.Duration) (usage, cache int64) { return limit*9/10 + rand.Int64N(noisePages)*pageBytes, 0 }
		if samples, _, _ := run(p, 30*time.Millisecond, time.Minute, charged); len(samples) > 0 {
			t.Errorf("pages of %d bytes: %d samples", pageBytes, len(samples))
		}
	}
}
