package diagnosis

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestChanges: a leak is reported when its incident is confirmed, any other verdict when
// it is found twice in a row, and none of them again.
func TestChanges(t *testing.T) {
	leak := func(subject string) Diagnosis { return Diagnosis{Verdict: rows.VerdictThreads, Subject: subject} }
	budget := Diagnosis{Verdict: rows.VerdictBudget}
	none, early := Diagnosis{Verdict: rows.VerdictNone}, Diagnosis{Verdict: rows.VerdictNotEnoughHistory}
	var tracker Tracker
	var changes []Change
	for _, d := range []Diagnosis{
		early, early, none, none,
		budget, none, budget, budget, budget,
		leak("a"), leak("a"), leak("b"),
		none, budget, none, none, early, none,
		leak("b"), leak("b"),
	} {
		changes = append(changes, tracker.change(&d))
	}
	want := []Change{
		"", "", "", "",
		"", "", "", Appeared, "",
		Changed, "", Changed,
		"", "", "", Cleared, "", "",
		Appeared, "",
	}
	if !slices.Equal(changes, want) {
		t.Errorf("%q\nwant\n%q", changes, want)
	}
}

// TestRank: the verdict is what was confirmed first, unless another leak outweighs it that it does not keep.
func TestRank(t *testing.T) {
	for _, tt := range []struct {
		first     rows.Verdict
		state     State
		second    rows.Verdict
		times     int64 // as fast
		displaced bool
	}{
		{rows.VerdictHeap, Confirmed, rows.VerdictNativeUntracked, 2, false},
		{rows.VerdictHeap, Confirmed, rows.VerdictNativeUntracked, 4, true},
		{rows.VerdictThreads, Confirmed, rows.VerdictHeap, 10, true},
		{rows.VerdictThreads, Confirmed, rows.VerdictClassLoader, 100, false},
		{rows.VerdictThreads, Paused, rows.VerdictClassLoader, 100, true},
		{rows.VerdictClassLoader, Confirmed, rows.VerdictThreads, 4, true},
	} {
		incident := func(v rows.Verdict, s State, rate int64) Incident {
			return Incident{Verdict: v, State: s, Rate: &Rate{BytesPerHour: rate}, Confidence: 1}
		}
		tracker := Tracker{Incidents: []Incident{incident(tt.first, tt.state, 1000), incident(tt.second, Confirmed, 1000*tt.times)}}
		tracker.rank()
		if got := tracker.Incidents[0].Verdict == tt.second; got != tt.displaced {
			t.Errorf("%+v: %s is the verdict", tt, tracker.Incidents[0].Verdict)
		}
	}
}

// course of an incident: each step is a minute later.
type step struct {
	found bool
	level float64
	want  State
}

func TestIncident(t *testing.T) {
	rise := func(from, to float64) (all []step) {
		for level := from; level <= to; level += 10 {
			all = append(all, step{true, level, Confirmed})
		}
		return all
	}
	still := func(n int, level float64, want State) []step { return slices.Repeat([]step{{false, level, want}}, n) }
	opened := []step{{true, 100, Suspected}, {true, 110, Confirmed}}
	samples := counters(3600, map[string]float64{history.JVMGeneration: 1}, nil)
	start := time.UnixMilli(samples.Tracks[1].Times[0]).UTC()
	for name, steps := range map[string][]step{
		"found twice in a row":         opened,
		"found three times in all":     {{true, 100, Suspected}, {false, 105, Suspected}, {true, 110, Suspected}, {false, 110, Suspected}, {true, 120, Confirmed}},
		"a suspicion is forgotten":     append([]step{{true, 100, Suspected}}, slices.Concat(still(5, 100, Suspected), still(1, 100, Closed))...),
		"not found, and it grows":      append([]step{{true, 100, Suspected}}, slices.Concat(still(5, 100, Suspected), still(7, 110, Suspected), still(1, 110, Closed))...),
		"not found, and still there":   slices.Concat(opened, rise(120, 200), still(3, 200, Confirmed)),
		"growth pauses and goes on":    slices.Concat(opened, rise(120, 200), still(3, 200, Confirmed), still(9, 200, Paused), rise(210, 230)),
		"a pause as long as before":    slices.Concat(opened, rise(120, 200), still(3, 200, Confirmed), still(2, 200, Paused), rise(210, 230), still(15, 230, Confirmed)),
		"a little is freed":            slices.Concat(opened, rise(120, 200), still(2, 160, Confirmed)),
		"half of the gain is freed":    slices.Concat(opened, rise(120, 200), still(1, 149, Closed)),
		"freed while it was suspected": {{true, 100, Suspected}, {false, 200, Suspected}, {false, 120, Closed}},
	} {
		t.Run(name, func(t *testing.T) {
			i := Incident{State: Suspected, Opened: start, LastGrowth: start, Since: start, From: 100, To: 100}
			for k, s := range steps {
				at := start.Add(time.Duration(k) * time.Minute)
				i.InARow = map[bool]int{true: i.InARow}[s.found]
				if s.found {
					i.see(&Finding{window: window{from: start.UnixMilli()}}, at)
				}
				i.follow(s.level, true, &judge{c: until(samples, at.UnixMilli()), at: at.UnixMilli()})
				if i.State != s.want {
					t.Fatalf("after %d minutes %s, want %s: %+v", k, i.State, s.want, i)
				}
			}
		})
	}
}

// TestRareSamples: without samples since the last growth it is not known that nothing grew.
func TestRareSamples(t *testing.T) {
	samples := counters(20, map[string]float64{history.JVMGeneration: 1}, nil)
	grew := time.UnixMilli(samples.Tracks[1].Times[0]).UTC()
	for _, was := range []State{Suspected, Confirmed} {
		i := Incident{State: was, Opened: grew, LastGrowth: grew, Since: grew, Seen: grew, From: 100, To: 200}
		if i.follow(0, false, &judge{c: samples, at: grew.Add(time.Hour).UnixMilli()}); i.State != was {
			t.Errorf("%s: %s after an hour with two samples", was, i.State)
		}
	}
}

// TestNotConfirmed: what waits for a collection is not confirmed, however often it is found.
func TestNotConfirmed(t *testing.T) {
	start := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	i := Incident{State: Suspected, Opened: start, LastGrowth: start, Since: start}
	for k := range 30 {
		at := start.Add(time.Duration(k) * time.Minute)
		i.see(&Finding{waiting: "a collection"}, at)
		i.follow(float64(k), true, &judge{c: &history.Container{}, at: at.UnixMilli()})
	}
	if i.State != Suspected || i.Waiting != "a collection" {
		t.Errorf("%s, waiting for %q", i.State, i.Waiting)
	}
}

// TestFilling: what may fill up to a bound is confirmed only when more of it came up after it was found.
func TestFilling(t *testing.T) {
	start := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	i := Incident{Verdict: rows.VerdictHeap, State: Suspected, Opened: start, LastGrowth: start, Since: start, To: 100 * mib, Needed: 110 * mib}
	at := start
	see := func(level float64, want State) {
		t.Helper()
		at = at.Add(time.Minute)
		i.see(&Finding{Verdict: rows.VerdictHeap}, at)
		if i.follow(level*mib, true, &judge{c: &history.Container{}, at: at.UnixMilli()}); i.State != want {
			t.Fatalf("%s at %.0f, want %s", i.State, level, want)
		}
	}
	for range 10 {
		see(105, Suspected)
	}
	if text := i.Text(); !strings.Contains(text, "gained 105.0 MiB since") || !strings.Contains(text, "; a leak from +110.0 MiB on") {
		t.Error(text)
	}
	see(112, Confirmed)
}

// TestSlowing: what slows down over time, not against work, is confirmed only when another quarter came up, also
// after a restart of jvmem in which it is not found again; what does not slow down, at once.
func TestSlowing(t *testing.T) {
	start := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	i := Incident{Verdict: rows.VerdictThreads, State: Suspected, Opened: start, LastGrowth: start, Since: start, To: 100, NeededIfSlow: 125}
	follow := func(i *Incident, level float64, want State) {
		t.Helper()
		if i.follow(level, true, &judge{c: &history.Container{}, at: start.UnixMilli()}); i.State != want {
			t.Fatalf("%s at %.0f, want %s", i.State, level, want)
		}
	}
	for range 5 {
		i.see(&Finding{Verdict: rows.VerdictThreads, slows: true}, start)
		follow(&i, 110, Suspected)
	}
	text, err := json.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	var again Incident
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	follow(&again, 110, Suspected)
	follow(&again, 126, Confirmed)
	i.see(&Finding{Verdict: rows.VerdictThreads}, start)
	follow(&i, 110, Confirmed)
}

// TestTrackerAsJSON: a tracker that was written and read back goes on as it would have.
func TestTrackerAsJSON(t *testing.T) {
	for _, r := range servers(t) {
		if !r.Verdict.Leak() {
			continue
		}
		c := r.open(t)
		all := moments(c)
		var kept, stored Tracker
		for k, at := range all {
			if k == len(all)*3/4 {
				text, err := json.Marshal(kept)
				if err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal(text, &stored); err != nil {
					t.Fatal(err)
				}
			}
			d := kept.judge(until(c, at))
			if k < len(all)*3/4 {
				continue
			}
			if again := stored.judge(until(c, at)); again.Verdict != d.Verdict || again.Subject != d.Subject || again.Incidents[0].State != d.Incidents[0].State {
				t.Fatalf("%s at %s: %s, want %s", r.Case, time.UnixMilli(at), again.Summary, d.Summary)
			}
		}
	}
}

// TestFirstJudgment: the first judgment of a tracker knows what those before it would have known.
func TestFirstJudgment(t *testing.T) {
	for _, r := range servers(t) {
		if !r.Verdict.Leak() {
			continue
		}
		var tracker Tracker
		c := r.open(t)
		if d, _ := tracker.Judge(c); d.Verdict != r.Verdict || len(d.Incidents) == 0 || !d.Incidents[0].Opened.Before(time.UnixMilli(newJudge(c).at).UTC()) {
			t.Errorf("%s: %s", r.Case, d.Summary)
		}
	}
}

// TestCountOfSamples: what is missing is said in numbers that fit, also where samples of
// the JVM's start do not count.
func TestCountOfSamples(t *testing.T) {
	for _, s := range scenarios {
		if s.want != rows.VerdictNone {
			continue
		}
		s.length = (minSamples + 5) * s.step()
		play(t, s, 1, func(at time.Duration, d Diagnosis) {
			var n, of int
			if d.Verdict != rows.VerdictNotEnoughHistory {
				return
			}
			if _, err := fmt.Sscanf(d.Summary, "not enough history: %d of %d samples", &n, &of); err != nil || n >= of {
				t.Errorf("after %s: %s", at, d.Summary)
			}
		})
	}
}

// TestResumed: after a restart of jvmem an incident goes on, and its verdict is not
// reported again; one of another JVM is not carried over.
func TestResumed(t *testing.T) {
	for _, r := range servers(t) {
		if r.Verdict != rows.VerdictThreads {
			continue
		}
		c := r.open(t)
		var tracker Tracker
		tracker.Judge(c)
		text, err := json.Marshal(tracker)
		if err != nil {
			t.Fatal(err)
		}
		var again, other Tracker
		if err := errors.Join(json.Unmarshal(text, &again), json.Unmarshal(text, &other)); err != nil {
			t.Fatal(err)
		}
		d, change := again.Judge(c)
		if change != "" || d.Verdict != r.Verdict || !d.Incidents[0].Opened.Equal(tracker.Incidents[0].Opened) {
			t.Errorf("%s: change %q, %s", r.Case, change, d.Summary)
		}
		if text := new(strings.Builder); true {
			d.writeText(text)
			if head, _, _ := strings.Cut(text.String(), "\n1. "); !strings.Contains(head, "\nincident: "+d.Incidents[0].Text()) || !strings.Contains(head, "confirmed 20") {
				t.Errorf("the text lacks the incident before the findings: %s", text)
			}
		}
		other.Generation++
		if d, _ := other.Judge(c); len(d.Incidents) > 0 && d.Incidents[0].Opened.Equal(tracker.Incidents[0].Opened) {
			t.Errorf("%s: carried over to another JVM: %s", r.Case, d.Incidents[0].Text())
		}
	}
}

// TestFindingsFollowIncidents: a leak is a finding, from which jvmem_leak_suspected comes,
// from the confirmation of its incident until it closes, also while it is paused. Then its course is over.
func TestFindingsFollowIncidents(t *testing.T) {
	seen := make(map[State]int)
	for _, r := range servers(t) {
		var tracker Tracker
		c := r.open(t)
		if r.Case == "tomcat redeploy" {
			slower(c, 20) // its last minutes without load are a pause then
		}
		for _, at := range moments(c) {
			d := tracker.judge(until(c, at))
			var found, want []rows.Verdict
			for _, f := range d.Findings {
				if f.Verdict.Leak() {
					found = append(found, f.Verdict)
				}
			}
			for _, i := range d.Incidents {
				seen[i.State]++
				if i.State == Confirmed || i.State == Paused {
					want = append(want, i.Verdict)
				}
				if i.State != Suspected && i.Waiting != "" {
					t.Errorf("%s at %s: it is %s, and waits for %s", r.Case, time.UnixMilli(at), i.State, i.Waiting)
				}
				if i.State == Closed && i.LastGrowth.After(*i.Closed) {
					t.Errorf("%s at %s: it grows after it was closed: %+v", r.Case, time.UnixMilli(at), i)
				}
			}
			if !slices.Equal(found, want) {
				t.Fatalf("%s at %s: findings %v, incidents %v", r.Case, time.UnixMilli(at), found, want)
			}
		}
	}
	if seen[Paused] == 0 || seen[Suspected] == 0 || seen[Closed] == 0 {
		t.Errorf("the recordings have %v", seen)
	}
}

// TestLevelOfSteps: after a restart of jvmem the history has steps of a minute. One in which a
// fast leak began has a low minimum, which does not mean that it was freed.
func TestLevelOfSteps(t *testing.T) {
	const minute = 60_000
	column := &history.Column{Last: history.Values{10, 10, 90}, Min: history.Values{10, 10, 10}, Max: history.Values{10, 10, 90}}
	c := &history.Container{Tracks: []*history.Track{{
		StepMillis: minute, Times: []int64{minute, 2 * minute, 3 * minute}, Series: map[string]*history.Column{"x": column},
	}}}
	i := Incident{
		Verdict: rows.VerdictNativeUntracked, State: Confirmed, Measure: "x", From: 10, To: 100, Sightings: 2,
		Since: time.UnixMilli(2 * minute), Opened: time.UnixMilli(2 * minute), LastGrowth: time.UnixMilli(3*minute - 1000),
	}
	j := &judge{c: c, at: 3 * minute}
	level, known := j.level(&i)
	if i.follow(level, known, j); i.State != Confirmed {
		t.Errorf("%s at %v", i.State, level)
	}
}

// TestPoolRenamed: an incident goes on under the whole name of its pool.
func TestPoolRenamed(t *testing.T) {
	for now, want := range map[string]string{"http-nio-8080-exec-#": "pool/http-nio-8080-exec-#", "http-nio-8443-exec-#": "pool/http-nio-8080-e"} {
		i := Incident{Verdict: rows.VerdictThreads, Subject: "http-nio-8080-e", State: Confirmed, Measure: "pool/http-nio-8080-e", From: 10, To: 90}
		i.see(&Finding{Verdict: rows.VerdictThreads, Subject: now, measure: "pool/" + now, from: 80, to: 100}, time.Now())
		if i.Measure != want || "pool/"+i.Subject != want || i.From != 10 || i.To != 90 {
			t.Errorf("%s: %+v", now, i)
		}
	}
}
