package diagnosis

import (
	"math"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// load is how much traffic there is, 1 at most: it ramps, holds, pauses, comes back with
// less, and does so again.
func load(hours float64) float64 {
	switch phase := math.Mod(hours, 2); {
	case phase < 0.3:
		return phase / 0.3
	case phase < 0.8:
		return 1
	case phase < 1.2:
		return 0
	case phase < 1.7:
		return 0.5
	}
	return 0.15
}

// day is the traffic of an office: it rises and falls within 12 hours.
func day(hours float64) float64 { return max(0, math.Sin(2*math.Pi*hours/24)) }

// workedByDay is how many hours of full traffic there were.
func workedByDay(hours float64) float64 {
	const whole = 24 / math.Pi // of a day
	days, rest := math.Modf(hours / 24)
	return whole*days + whole/2*(1-math.Cos(2*math.Pi*min(rest, 0.5)))
}

// worked is how many hours of full traffic there were, in steps of a tenth of a minute.
func worked(hours float64) float64 {
	const step = 1.0 / 600
	sum := 0.0
	for h := 0.0; h < hours; h += step {
		sum += load(h) * step
	}
	return sum
}

// TestWork: growth that follows the traffic is named where the CPU time is known, and
// what levels off with the traffic is not.
func TestWork(t *testing.T) {
	traffic := map[string]func(float64) float64{"a pool that follows the day": workedByDay}
	for _, s := range []scenario{
		{name: "a pool that follows the day", length: 50 * time.Hour, want: rows.VerdictNone, clean: true,
			change: func(s *state) {
				s.threads += 150 * day(s.hours)
				s.rows[rows.Threads] += 15 * day(s.hours)
				s.native["direct_buffers"] += 80 * day(s.hours)
				s.native["untracked"] += 40 * day(s.hours)
			}},
		{name: "malloc by request", length: 9 * time.Hour, want: rows.VerdictNativeUntracked,
			change: func(s *state) { s.native["untracked"] += 20 * worked(s.hours) }},
		{name: "threads by request", length: 9 * time.Hour, want: rows.VerdictThreads, subject: "http-nio-8080-e-#",
			change: func(s *state) {
				s.threads += 40 * worked(s.hours)
				s.rows[rows.Threads] += 8 * worked(s.hours)
			}},
		{name: "warm-up by request", length: 9 * time.Hour, want: rows.VerdictNone, clean: true,
			change: func(s *state) {
				s.rows[rows.Metaspace] += 60 * saturate(worked(s.hours), 1)
				s.rows[rows.CodeCache] += 30 * saturate(worked(s.hours), 1)
				s.classes += 8000 * saturate(worked(s.hours), 1)
				s.native["untracked"] += 40 * saturate(worked(s.hours), 1)
			}},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			store, err := history.Open(history.Options{Retention: 24 * time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			of := &breakdown.Container{Identity: rows.Identity{ID: "x", CgroupVersion: 2}}
			var tracker Tracker
			var last Diagnosis
			var named time.Duration
			changes := 0
			worked := worked
			if byDay := traffic[s.name]; byDay != nil {
				worked = byDay
			}
			change := s.change
			s.change = func(v *state) {
				change(v)
				cpu := 10 + 3.6e6*(0.9*worked(v.hours)+0.01*v.hours)
				if err := store.AddReading(of, v.now.Add(-time.Second), []string{history.CPUMillis}, []int64{int64(cpu)}); err != nil {
					t.Fatal(err)
				}
			}
			feed(t, store, s, 1, func(at time.Duration) {
				store.Container(of, func(c *history.Container) {
					d, changed := tracker.Judge(c)
					last = d
					if changed != "" {
						changes++
					}
					if d.Verdict.Leak() && named == 0 {
						named = at
					}
					if d.Verdict.Leak() && (s.clean || d.Verdict != s.want) {
						t.Errorf("after %s: %s", at, d.Summary)
					}
				})
			})
			t.Log(named, changes, last.Summary)
			if last.Verdict != s.want || last.Subject != s.subject {
				t.Errorf("%s %s, want %s: %s", last.Verdict, last.Subject, s.want, last.Summary)
			}
			if s.want.Leak() && (named > s.length/2 || changes != 1) {
				t.Errorf("named after %s, %d changes", named, changes)
			}
			if f := last.Forecast; s.want == rows.VerdictNativeUntracked {
				// 20 MiB come with each hour of full traffic. 284 MiB were in use at first.
				const room = 512 - 284
				want := 3600 * (room/20 - worked(9)) / (worked(8) / 8)
				if f == nil || math.Abs(f.Seconds/want-1) > 0.25 {
					t.Errorf("a forecast of %+v, want %.0f s", f, want)
				}
			}
		})
	}
}
