package diagnosis

import (
	"cmp"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// pointsPerJudgment is how many samples and readings come between two judgments, as in
// the sidecar's loop.
const pointsPerJudgment = 6

// replay feeds a recorded history to a store, as the sidecar did, and calls with what is
// remembered at each moment at which the sidecar would judge.
func replay(t testing.TB, recorded *history.Container, each func(at time.Time, c *history.Container)) {
	t.Helper()
	store, err := history.Open(history.Options{Retention: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	track := merged(recorded)
	names := slices.Sorted(maps.Keys(track.Series))
	of := &breakdown.Container{Identity: recorded.Identity, JVMs: recorded.JVMs}
	for i, millis := range track.Times {
		at := time.UnixMilli(millis)
		if i == 0 {
			if err := store.Add(&breakdown.Report{Time: at.Add(-time.Millisecond), Containers: []breakdown.Container{*of}}); err != nil {
				t.Fatal(err)
			}
		}
		var known []string
		var values []int64
		for _, name := range names {
			if p := track.Series[name].At(i); p.Last != history.Unknown {
				known, values = append(known, name), append(values, p.Last)
			}
		}
		if err := store.AddReading(of, at, known, values); err != nil {
			t.Fatal(err)
		}
		if i%pointsPerJudgment == pointsPerJudgment-1 || i == len(track.Times)-1 {
			store.Container(of, func(c *history.Container) { each(at, c) })
		}
	}
}

// merged is one track of all that is known, each time once.
func merged(c *history.Container) *history.Track {
	byTime := make(map[int64]map[string]int64)
	var all []string
	for _, t := range c.Tracks {
		all = append(all, slices.Collect(maps.Keys(t.Series))...)
	}
	slices.Sort(all)
	for _, name := range slices.Compact(all) {
		for at, p := range c.Points(name) {
			if byTime[at] == nil {
				byTime[at] = make(map[string]int64)
			}
			byTime[at][name] = p.Last
		}
	}
	track := &history.Track{Times: slices.Sorted(maps.Keys(byTime)), Series: make(map[string]*history.Column)}
	for i, at := range track.Times {
		for name, value := range byTime[at] {
			column := track.Series[name]
			if column == nil {
				column = &history.Column{Last: slices.Repeat(history.Values{history.Unknown}, len(track.Times))}
				track.Series[name] = column
			}
			column.Last[i] = value
		}
	}
	return track
}

// course is what the verdicts of a recording were like, along its whole course.
type course struct {
	judged   int           // how often
	first    time.Duration // until the first right verdict, since the leak began; 0: never
	lapses   int           // judgments after it that did not name it
	changes  int           // of the verdict
	accused  []string      // wrong leaks, each once, with the time
	last     rows.Verdict
	sentence string
}

func follow(t testing.TB, r *recording) course {
	var c course
	recorded := r.open(t)
	begin, said := time.Time{}, ""
	replay(t, recorded, func(at time.Time, h *history.Container) {
		if begin.IsZero() {
			begin = at
			if !r.Start.IsZero() {
				begin = r.Start
			}
		}
		if at.After(r.End) {
			return
		}
		d := Diagnose(h)
		c.judged++
		right := d.Verdict == r.Verdict && d.Subject == r.Subject
		switch {
		case right && r.Verdict.Leak() && c.first == 0:
			c.first = max(at.Sub(begin), 1)
		case !right && c.first != 0:
			c.lapses++
		}
		if d.Verdict.Leak() && d.Verdict != r.Verdict {
			if a := string(d.Verdict); !slices.ContainsFunc(c.accused, func(s string) bool { return len(s) >= len(a) && s[:len(a)] == a }) {
				c.accused = append(c.accused, a+" at "+at.Sub(begin).Round(time.Second).String())
			}
		}
		now := string(d.Verdict) + d.Subject
		if d.Verdict == rows.VerdictNotEnoughHistory || d.Verdict == rows.VerdictNone {
			now = ""
		}
		if now != said {
			c.changes, said = c.changes+1, now
		}
		c.last, c.sentence = d.Verdict, d.Summary
	})
	return c
}

// TestReplay judges each recording along its whole course.
func TestReplay(t *testing.T) {
	for _, r := range append(servers(t), recordings(t)...) {
		c := follow(t, &r)
		length := r.length(t)
		part := 0.0
		if c.first > 0 {
			part = 100 * c.first.Seconds() / length.Seconds()
		}
		t.Logf("%-28s %-18s first %4.0f s (%3.0f %%) lapses %3d/%3d changes %2d accused %v last %s | %s",
			cmp.Or(r.Case, r.File), r.Verdict, c.first.Seconds(), part, c.lapses, c.judged, c.changes, c.accused, c.last, c.sentence)
	}
}
