package sample

import (
	"testing"
	"time"
)

// TestThrottle plays hours with a loop that takes a sample wherever it may.
func TestThrottle(t *testing.T) {
	const ms = time.Millisecond
	for name, tt := range map[string]struct {
		maxCPU   float64 // percent
		interval time.Duration
		sample   time.Duration                        // CPU of each
		other    func(at time.Duration) time.Duration // CPU per interval beside it
		urgent   func(at time.Duration) bool          // a sample that is taken whatever it costs
		first    int                                  // samples in the first ten minutes, at least
		from, to time.Duration                        // of the stretch that is held in the last hour
		share    float64                              // of a core that is used in the last hour, at most
	}{
		"no limit":            {maxCPU: 0, interval: 10 * time.Second, sample: 50 * ms, first: 60, from: 10 * time.Second, to: 10 * time.Second, share: 1},
		"cheap":               {maxCPU: 0.1, interval: 10 * time.Second, sample: 5 * ms, first: 60, from: 10 * time.Second, to: 10 * time.Second, share: 0.0006},
		"dear":                {maxCPU: 0.1, interval: 10 * time.Second, sample: 30 * ms, first: 25, from: 30 * time.Second, to: 30 * time.Second, share: 0.00102},
		"dear, and requests":  {maxCPU: 0.1, interval: 10 * time.Second, sample: 30 * ms, other: func(time.Duration) time.Duration { return 5 * ms }, first: 15, from: 60 * time.Second, to: 60 * time.Second, share: 0.00102},
		"too many requests":   {maxCPU: 0.1, interval: 10 * time.Second, sample: 30 * ms, other: func(time.Duration) time.Duration { return 50 * ms }, first: 15, from: 60 * time.Second, to: 60 * time.Second, share: 0.0056},
		"hardly anything":     {maxCPU: 0.001, interval: 10 * time.Second, sample: 30 * ms, first: 2, from: 5 * time.Minute, to: 5 * time.Minute, share: 0.00011},
		"each second":         {maxCPU: 0.1, interval: time.Second, sample: 10 * ms, first: 60, from: 10 * time.Second, to: 11 * time.Second, share: 0.00101},
		"each minute":         {maxCPU: 0.001, interval: time.Minute, sample: 100 * ms, first: 1, from: 30 * time.Minute, to: 30 * time.Minute, share: 0.0001},
		"urgent all the time": {maxCPU: 0.1, interval: 10 * time.Second, sample: 30 * ms, urgent: func(time.Duration) bool { return true }, first: 60, from: 10 * time.Second, to: 10 * time.Second, share: 0.0031},
		"after a storm":       {maxCPU: 0.1, interval: 10 * time.Second, sample: 30 * ms, urgent: func(at time.Duration) bool { return at < 5*time.Hour }, first: 60, from: 30 * time.Second, to: 30 * time.Second, share: 0.00102},
		"a storm after a night": {maxCPU: 0.1, interval: 10 * time.Second, sample: 30 * ms, other: func(at time.Duration) time.Duration {
			if at > 5*time.Hour {
				return 40 * ms
			}
			return 0
		}, first: 25, from: 60 * time.Second, to: 60 * time.Second, share: 0.0046},
	} {
		t.Run(name, func(t *testing.T) {
			const long = 6 * time.Hour
			begun := time.Unix(1e9, 0)
			now := CPUTime{at: begun, cpu: 40 * ms} // its own start
			b := NewThrottle(tt.maxCPU/100, tt.interval, now)
			first, cpuBefore := 0, time.Duration(0)
			last, longest, shortest := time.Duration(0), time.Duration(0), long
			for at := time.Duration(0); at < long; at += tt.interval {
				now.at = begun.Add(at)
				if at == 5*time.Hour {
					cpuBefore = now.cpu
				}
				if tt.other != nil {
					now.cpu += tt.other(at)
				}
				if !b.Affords(now) && (tt.urgent == nil || !tt.urgent(at)) {
					continue
				}
				b.Begin(now)
				now.cpu += tt.sample
				b.End(now)
				if at < 10*time.Minute {
					first++
				}
				if at > 5*time.Hour+15*time.Minute { // what was overdrawn is paid back
					longest, shortest = max(longest, at-last), min(shortest, at-last)
				}
				last = at
			}
			if first < tt.first {
				t.Errorf("%d samples in the first ten minutes, want %d", first, tt.first)
			}
			if longest > tt.to || shortest < tt.from {
				t.Errorf("%v to %v between two samples, want %v to %v", shortest, longest, tt.from, tt.to)
			}
			if used := (now.cpu - cpuBefore).Seconds() / 3600; used > tt.share {
				t.Errorf("%.3f %% of a core is used", 100*used)
			}
			every, ok := b.Interval()
			if !ok || every < tt.from*9/10 || every > tt.to*11/10 {
				t.Errorf("Interval is %v (%v), want %v to %v", every, ok, tt.from, tt.to)
			}
			if used := (now.cpu - cpuBefore).Seconds() / 3600; b.Ratio() == nil || *b.Ratio() > 1.5*used+0.0002 || *b.Ratio() < used/2-0.0002 {
				t.Errorf("Ratio is %v, want %v", *b.Ratio(), used)
			}
		})
	}
}

// TestThrottleWalks: walks that use many times what a sample does delay no sample, and all
// together keep to the share.
func TestThrottleWalks(t *testing.T) {
	for name, tt := range map[string]struct {
		share float64
		walk  time.Duration
		walks int // in six hours
	}{
		"60 MiB":       {0.001, 30 * time.Millisecond, 180},
		"a GiB":        {0.001, 400 * time.Millisecond, 14},
		"as it likes":  {0, time.Second, 6 * 360},
		"half a core":  {0.5, 400 * time.Millisecond, 6 * 360},
		"hardly a bit": {0.00001, time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			const interval, long = 10 * time.Second, 6 * time.Hour
			begun := time.Unix(1e9, 0)
			now := CPUTime{at: begun}
			b := NewThrottle(tt.share, interval, now)
			samples, walks, walking := 0, 0, false
			for at := time.Duration(0); at < long; at += interval {
				now.at = begun.Add(at)
				if walking { // it was after the last sample
					b.Defer(tt.walk)
				}
				walking = false
				if !b.Affords(now) {
					continue
				}
				samples++
				b.Begin(now)
				now.cpu += min(5*time.Millisecond, b.accrued(interval)/2)
				b.End(now)
				if b.AffordsWalk() {
					walks++
					walking = true
					now.cpu += tt.walk
				}
			}
			if want := int(long / interval); samples < want*99/100 {
				t.Errorf("%d samples, want %d", samples, want)
			}
			if walks < tt.walks || walks > tt.walks*11/10+1 {
				t.Errorf("%d walks, want %d", walks, tt.walks)
			}
			if used := now.cpu.Seconds() / long.Seconds(); tt.share > 0 && tt.walks > 1 && used > tt.share {
				t.Errorf("%.3f %% of a core is used", 100*used)
			}
		})
	}
}
