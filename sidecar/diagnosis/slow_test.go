package diagnosis

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// The defaults take a sample each 10 s, and no more than 1m of CPU time allows: about each
// second point is a sample. What lasts for days is sampled each 5 minutes, the longest time
// that the CPU limit allows between two samples.
const (
	defaultInterval = 10 * time.Second
	dayInterval     = 5 * time.Minute
	day24           = 24 * time.Hour
)

// missedServices says what is judged wrongly today, and why.
func missedServices() map[string]string {
	const (
		noUnloading = "suspected: no collection that could unload classes comes before the end"
		notFull     = "suspected: three quarters of the heap must be in use, as a cache looks the same below"
	)
	return map[string]string{
		"heap, 10 MiB a minute": "collections that show what survives come late",
		"heap, 1 MiB an hour":   notFull, "heap, 1 MiB a minute": notFull,
		"class loader, 1 MiB a minute": noUnloading, "class loader, 10 MiB a minute": noUnloading,
	}
}

func services() []service {
	var all []service
	for _, kind := range []struct {
		name string
		want rows.Verdict
		leak func(*state, float64)
	}{
		{"heap", rows.VerdictHeap, leakHeap}, {"threads", rows.VerdictThreads, leakThreads},
		{"class loader", rows.VerdictClassLoader, leakClasses}, {"direct buffers", rows.VerdictDirectBuffers, leakDirect},
		{"malloc", rows.VerdictNativeUntracked, leakNative},
	} {
		for _, rate := range []struct {
			text    string
			perHour float64
		}{{"1 MiB an hour", 1}, {"1 MiB a minute", 60}, {"10 MiB a minute", 600}} {
			s := service{name: kind.name + ", " + rate.text, perHour: rate.perHour, leak: kind.leak, want: kind.want}
			s.length, s.interval, s.sparse = 4*time.Hour, defaultInterval, 2
			if rate.perHour == 1 {
				s.length, s.interval, s.sparse = 10*day24, dayInterval, 0
			}
			s.missed = missedServices()[s.name]
			all = append(all, s)
		}
	}
	clean := func(name string, days float64, change func(*state, *moment)) service {
		return service{name: name, missed: missedServices()[name], length: time.Duration(days * float64(day24)), interval: dayInterval, want: rows.VerdictNone, change: change}
	}
	with := func(s service, set func(*service)) service { set(&s); return s }
	return append(all,
		clean("nine days of traffic, with a weekend", 9, nil),
		with(clean("night batches", 6, nil), func(s *service) { s.batch = true }),
		with(clean("a deploy each day", 6, nil), func(s *service) { s.deploys = 22 * time.Hour }),
		clean("heap that grows by day and falls at night", 6, func(s *state, m *moment) {
			s.old += 90 * math.Pow(max(0, math.Sin(math.Pi*(float64(m.at.Hour())+float64(m.at.Minute())/60-6)/18)), 0.7)
		}),
		clean("pool that grows with the traffic", 6, func(s *state, m *moment) {
			s.threads += 150 * m.traffic
			s.native["direct_buffers"] += 50 * m.traffic
		}),
		clean("heap cache that fills over two days", 5, func(s *state, m *moment) { s.old += 110 * saturate(m.worked, 7) }),
		clean("native cache that fills over two days", 5, func(s *state, m *moment) { s.native["untracked"] += 60 * saturate(m.worked, 7) }),
		clean("page cache of logs that rotate", 4, func(s *state, m *moment) {
			s.inactive = 8 * float64((m.at.Hour()+m.at.Minute()/60)%24) * (0.5 + m.traffic/2)
		}),
		with(clean("the first hours at the defaults", 0.25, nil), func(s *service) { s.interval, s.sparse = defaultInterval, 2 }),
	)
}

// found is what became of a service.
type found struct {
	s      *service
	course course
	end    time.Duration // 0: memory was not used up
	// off is the error of the forecast at half time.
	off      float64
	forecast bool
}

func (s *service) follow(t testing.TB) found {
	store, container := openStore(t)
	var tracker Tracker
	f := found{s: s}
	r := recording{Verdict: s.want}
	var start time.Time
	type said struct {
		at       time.Duration
		forecast *Forecast
	}
	var all []said
	end := s.run(t, store, 1, func(at time.Time) {
		if start.IsZero() {
			start = at
		}
		container(func(h *history.Container) {
			d, change := tracker.Judge(h)
			f.course.note(&r, at.Sub(start), &d, change)
			all = append(all, said{at.Sub(start), d.Forecast})
		})
	})
	if !end.IsZero() {
		f.end = end.Sub(start)
		i := slices.IndexFunc(all, func(d said) bool { return d.at >= f.end/2 })
		if i >= 0 && all[i].forecast != nil {
			f.forecast, f.off = true, 100*(all[i].forecast.Seconds/(f.end-all[i].at).Seconds()-1)
		}
	}
	return f
}

func (f *found) cells() []string {
	c := &f.course
	cells := []string{f.s.name, string(f.s.want), "", "", fmt.Sprint(c.events), "", strings.Join(c.accused, ", "), f.s.missed}
	if f.s.want.Leak() {
		cells[2], cells[3], cells[5] = "never", "", "none"
		if c.first > 0 {
			cells[2], cells[3] = spanText(c.first), fmt.Sprintf("%.0f %%", 100*c.first.Seconds()/c.length.Seconds())
		}
		if f.forecast {
			cells[5] = fmt.Sprintf("%+.0f %%", f.off)
		}
	}
	return cells
}

// TestSlow judges services that run for hours to weeks, along their whole course. The table
// is in docs/diagnosis.md.
func TestSlow(t *testing.T) {
	all := services()
	results := make([]found, len(all))
	var mu sync.Mutex
	t.Run("services", func(t *testing.T) {
		for i := range all {
			t.Run(all[i].name, func(t *testing.T) {
				t.Parallel()
				f := all[i].follow(t)
				mu.Lock()
				results[i] = f
				mu.Unlock()
				faults := f.course.faults(&recording{Verdict: f.s.want})
				switch {
				case f.s.missed == "" && len(faults) > 0:
					t.Errorf("%s; last: %s", strings.Join(faults, "; "), f.course.sentence)
				case f.s.missed != "" && len(faults) == 0:
					t.Error("it is judged rightly now: remove missed")
				}
			})
		}
	})
	var b strings.Builder
	row := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	row([]string{"service", "truth", "named after", "share of the way", "changes", "forecast error at half time", "accused of", "missed"})
	row(slices.Repeat([]string{"---"}, 8))
	for i := range results {
		if results[i].s != nil {
			row(results[i].cells())
		}
	}
	var leaks, named, inTime, wrong, forecasts, near int
	for i := range results {
		f := &results[i]
		if f.s == nil {
			continue // another one was selected
		}
		wrong += len(f.course.accused)
		if !f.s.want.Leak() {
			continue
		}
		leaks++
		if f.course.first > 0 {
			named++
		}
		if f.course.first > 0 && f.course.first <= f.course.length/2 {
			inTime++
		}
		if f.forecast {
			forecasts++
		}
		if f.forecast && math.Abs(f.off) <= 25 {
			near++
		}
	}
	fmt.Fprintf(&b, "\nPrecision %d of %d. Recall %d of %d, %d of them before half of the way. Forecast within 25 %% at half time: %d of %d.\n",
		named, named+wrong, named, leaks, inTime, near, forecasts)
	t.Log("\n" + b.String())
}

// TestStretchedToWeeks judges the recordings of real servers as if all had gone so much
// slower: minutes become hours, or days.
func TestStretchedToWeeks(t *testing.T) {
	for _, factor := range []int64{60, 1000} {
		for _, r := range servers(t) {
			t.Run(fmt.Sprint(factor, " times, ", r.Case), func(t *testing.T) {
				t.Parallel()
				checkSlower(t, r, factor)
			})
		}
	}
}

// TestSlowRecordings judges real JVMs that leaked 1 to 6 MiB a minute for 20 minutes, under
// load that comes and goes, as the sidecar saw them at its defaults. None of them had gone
// half of its way, so each leak must be named by the end.
func TestSlowRecordings(t *testing.T) {
	for _, r := range listed(t, "testdata/slow", "slow.json") {
		t.Run(r.Case, func(t *testing.T) {
			t.Parallel()
			c := follow(t, &r, r.open(t))
			t.Logf("named after %s of %s: %s", c.first, c.length, c.sentence)
			faults := slices.Clone(c.accused)
			if c.last != r.Verdict || c.lapses > 0 || r.Verdict.Leak() && c.events != 1+len(r.Before) {
				faults = append(faults, fmt.Sprintf("%s, %d lapses, %d changes", c.sentence, c.lapses, c.events))
			}
			switch {
			case r.Missed == "" && len(faults) > 0:
				t.Error(strings.Join(faults, "; "))
			case r.Missed != "" && len(faults) == 0:
				t.Error("it is judged rightly now: remove missed from slow.json")
			}
		})
	}
}

// TestNotCollectedYet: while no collection has shown what survives in the old generation, a
// heap leak is not named. The diagnosis says that it is suspected, which collection is missing, and
// how that comes.
func TestNotCollectedYet(t *testing.T) {
	all := services()
	s := &all[slices.IndexFunc(all, func(s service) bool { return s.name == "heap, 1 MiB a minute" })]
	store, container := openStore(t)
	var tracker Tracker
	suspected, collected := false, false
	s.run(t, store, 1, func(time.Time) {
		container(func(h *history.Container) {
			d, _ := tracker.Judge(h)
			now := *h.Latest(history.OldCollections) > 1 // the first one is that of metaspace, at the start
			collected = collected || now
			if strings.Contains(d.Summary, "and was not collected since") && (collected || d.Verdict.Leak()) {
				t.Errorf("collected, or named: %s", d.Summary)
			}
			for _, i := range d.Incidents {
				if i.State != Suspected || i.Verdict != rows.VerdictHeap || collected {
					continue
				}
				suspected = true
				var text strings.Builder
				d.writeText(&text)
				for _, part := range []string{"suspected, not collected yet: the old generation of the Java heap grows, +", ", waiting for a collection", "GC.run`", "incident: "} {
					if !strings.Contains(text.String(), part) {
						t.Errorf("the text lacks %q: %s", part, text.String())
					}
				}
				if i.Row != rows.Heap || d.Verdict.Alert() || len(d.Findings) > 0 || len(d.NotJudged) > 0 {
					t.Errorf("row %q, verdict %s, findings %v: %s", i.Row, d.Verdict, d.Findings, d.Summary)
				}
			}
		})
	})
	if !suspected || !collected {
		t.Errorf("suspected %v, collected at last %v", suspected, collected)
	}
}

// TestStepNotCollected: what came into the old generation at once is no growth. It is no calm either
// before a collection has shown what of it stays.
func TestStepNotCollected(t *testing.T) {
	s := service{length: 20 * time.Minute, interval: 10 * time.Second, change: func(s *state, m *moment) {
		if m.hours > 0.2 {
			s.old += 30
		}
	}}
	store, container := openStore(t)
	var tracker Tracker
	var last Diagnosis
	s.run(t, store, 1, func(time.Time) { container(func(h *history.Container) { last, _ = tracker.Judge(h) }) })
	if last.Verdict != rows.VerdictNone || !strings.HasPrefix(last.Summary, "not judged: Java heap (its old generation has gained ") {
		t.Errorf("%s: %s", last.Verdict, last.Summary)
	}
}
