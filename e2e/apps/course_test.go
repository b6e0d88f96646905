package apps

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/sidecar"
)

// verdictAt is what a sidecar reported at a time.
type verdictAt struct {
	time time.Time
	sidecar.Diagnosis
}

// course is all that one sidecar reported about a case.
type course struct {
	c          *testCase
	setting    string
	begun, end time.Time
	ended      bool // the JVM ended by an OOM kill or an OutOfMemoryError
	verdicts   []verdictAt
	history    joined
}

// notLeaks are verdicts that accuse no code.
func notLeaks() []string {
	return []string{
		"none", "not_enough_history", "not_observable", "limit_thrash", "heap_full", "jvm_unresponsive", "budget", "retained",
		"idle_threads", "page_cache",
	}
}

// state returns the state of the incident that a verdict is about; "" if there is none.
func (v *verdictAt) state() string {
	for _, i := range v.Incidents {
		if i.Verdict == v.Verdict && i.State != "closed" {
			return i.State
		}
	}
	return ""
}

func (v *verdictAt) label() string {
	label := v.Verdict
	if v.Subject != "" {
		label += " (" + v.Subject + ")"
	}
	if state := v.state(); state == "suspected" {
		label += " suspected"
	}
	return label
}

// isRight reports whether a verdict names the leak.
func (o *course) isRight(verdict, subject string) bool {
	if !o.c.leaks() {
		return false
	}
	return verdict == o.c.verdict && strings.HasPrefix(subject, o.c.subject) || verdict == o.c.also
}

// judged reports whether there was any verdict.
func (o *course) judged() bool {
	return slices.ContainsFunc(o.verdicts, func(v verdictAt) bool { return v.Verdict != "not_enough_history" })
}

// named reports whether the reported verdict is right and more than a suspicion.
func (o *course) named(v *verdictAt) bool {
	return o.isRight(v.Verdict, v.Subject) && v.state() != "suspected"
}

// firstRight returns the time of the first right verdict since the begin of the load.
func (o *course) firstRight() (d time.Duration, ok bool) { return o.first(o.named) }

// firstSeen returns when the leak was first reported at all, as a suspicion or as the verdict.
func (o *course) firstSeen() (d time.Duration, ok bool) {
	return o.first(func(v *verdictAt) bool {
		return o.isRight(v.Verdict, v.Subject) || slices.ContainsFunc(v.Incidents, func(in sidecar.Incident) bool {
			return in.State != "closed" && o.isRight(in.Verdict, in.Subject)
		})
	})
}

func (o *course) first(met func(*verdictAt) bool) (d time.Duration, ok bool) {
	for i := range o.verdicts {
		if v := &o.verdicts[i]; met(v) {
			return v.time.Sub(o.begun), true
		}
	}
	return 0, false
}

// share returns a time as a share of the way to the end.
func (o *course) share(d time.Duration) float64 { return d.Seconds() / o.end.Sub(o.begun).Seconds() }

// changes counts how often what is reported changed after the first verdict.
func (o *course) changes() int {
	n, last := 0, ""
	for i := range o.verdicts {
		label := o.verdicts[i].label()
		if last != "" && last != "not_enough_history" && label != last {
			n++
		}
		last = label
	}
	return n
}

// accusations returns the leaks that were named, though there is no such leak, each once:
// in the verdict, or as an incident beside it. Those that stayed a suspicion are apart.
func (o *course) accusations() (confirmed, suspected []string) {
	note := func(list *[]string, verdict, subject string) {
		if slices.Contains(notLeaks(), verdict) || o.isRight(verdict, subject) || slices.Contains(*list, verdict) {
			return
		}
		*list = append(*list, verdict)
	}
	for i := range o.verdicts {
		v := &o.verdicts[i]
		if v.state() == "suspected" {
			note(&suspected, v.Verdict, v.Subject)
		} else {
			note(&confirmed, v.Verdict, v.Subject)
		}
		for _, in := range v.Incidents {
			switch in.State {
			case "confirmed", "paused":
				note(&confirmed, in.Verdict, in.Subject)
			case "suspected":
				note(&suspected, in.Verdict, in.Subject)
			}
		}
	}
	suspected = slices.DeleteFunc(suspected, func(v string) bool { return slices.Contains(confirmed, v) })
	return confirmed, suspected
}

// forecastError returns the error at half time in percent of the time that was left, and whether
// the end came in the interval of the forecast; ok is false if the JVM did not end or there was no
// forecast.
func (o *course) forecastError() (percent float64, covered, ok bool) {
	if !o.ended {
		return 0, false, false
	}
	half := o.begun.Add(o.end.Sub(o.begun) / 2)
	i := slices.IndexFunc(o.verdicts, func(v verdictAt) bool { return !v.time.Before(half) })
	if i < 0 || o.verdicts[i].Forecast == nil {
		return 0, false, false
	}
	left, f := o.end.Sub(o.verdicts[i].time).Seconds(), o.verdicts[i].Forecast
	covered = f.LowSeconds != nil && *f.LowSeconds <= left && f.HighSeconds != nil && left <= *f.HighSeconds
	return 100 * (f.Seconds/left - 1), covered, true
}

// lineNamed returns the line of code that the evidence for the leak names first, while it is suspected
// or later, or why it names none; both are empty if nothing was recorded. What leaks may keep other
// things, which have a line of their own: a thread that is kept keeps its class loader.
func (o *course) lineNamed() (line, reason string) {
	for i := range o.verdicts {
		for _, g := range o.gathered(&o.verdicts[i]) {
			line, why := g.FirstLine()
			if line != "" {
				return line, ""
			}
			reason = cmp.Or(why, reason)
		}
	}
	return "", reason
}

// gathered returns the evidence for the leak; of a server that does not leak, that of each finding.
func (o *course) gathered(v *verdictAt) (all []*sidecar.Gathered) {
	for i := range v.Incidents {
		if in := &v.Incidents[i]; in.State == "suspected" && o.isRight(in.Verdict, in.Subject) {
			all = append(all, &in.Gathered)
		}
	}
	for i := range v.Findings {
		if f := &v.Findings[i]; !o.c.leaks() || f.Verdict == o.c.verdict || f.Verdict == o.c.also {
			all = append(all, &f.Gathered)
		}
	}
	return all
}

// lineRight reports whether a line is the one that leaks.
func (o *course) lineRight(line string) bool { return o.c.leaks() && strings.HasPrefix(line, o.c.line) }

func TestCourse(t *testing.T) {
	begun := time.Date(2026, 11, 28, 20, 0, 0, 0, time.UTC)
	report := func(seconds int, verdict, subject, state string, forecast float64) verdictAt {
		v := verdictAt{begun.Add(time.Duration(seconds) * time.Second), sidecar.Diagnosis{Verdict: verdict, Subject: subject}}
		if state != "" {
			v.Incidents = []sidecar.Incident{{Verdict: verdict, Subject: subject, State: state}}
		}
		if forecast > 0 {
			v.Forecast = &sidecar.Forecast{Seconds: forecast, LowSeconds: new(forecast / 2), HighSeconds: new(forecast * 2)}
		}
		return v
	}
	leak := &testCase{fault: "threads", verdict: "threads", subject: "pool-"}
	o := &course{c: leak, begun: begun, end: begun.Add(100 * time.Second), ended: true, verdicts: []verdictAt{
		report(5, "not_enough_history", "", "", 0),
		report(10, "none", "", "", 0),
		report(20, "heap", "", "suspected", 0),
		report(30, "threads", "pool-#", "suspected", 0),
		report(40, "threads", "pool-#", "confirmed", 100),
		report(50, "threads", "pool-#", "paused", 60),
		report(60, "kernel", "", "confirmed", 30),
	}}
	if d, ok := o.firstRight(); !ok || d != 40*time.Second || o.share(d) != 0.4 {
		t.Errorf("first right after %v, %v", d, ok)
	}
	if d, ok := o.firstSeen(); !ok || d != 30*time.Second {
		t.Errorf("first seen after %v, %v", d, ok)
	}
	if n := o.changes(); n != 4 {
		t.Errorf("%d changes", n)
	}
	if confirmed, suspected := o.accusations(); !slices.Equal(confirmed, []string{"kernel"}) || !slices.Equal(suspected, []string{"heap"}) {
		t.Errorf("accused %v, suspected %v", confirmed, suspected)
	}
	if percent, covered, ok := o.forecastError(); !ok || !covered || percent < 19.9 || percent > 20.1 {
		t.Errorf("forecast off by %v %%, %v, %v", percent, covered, ok)
	}
	o.end = o.end.Add(100 * time.Second)
	o.verdicts[6].time = begun.Add(100 * time.Second)
	if percent, covered, ok := o.forecastError(); !ok || covered || percent > -69 {
		t.Errorf("forecast off by %v %%, %v, %v", percent, covered, ok)
	}
	f := sidecar.Finding{Verdict: "threads"}
	f.Gathered.Causes = []sidecar.Recording{{Reason: "7 of 10 samples"}}
	found := &f.Gathered.Causes[0]
	o.verdicts[5].Findings, leak.line = []sidecar.Finding{f}, "App.doGet("
	if line, reason := o.lineNamed(); line != "" || reason != found.Reason {
		t.Errorf("named %q, %q", line, reason)
	}
	found.Causes = []sidecar.Cause{{Line: sidecar.Line{Class: "App", Method: "doGet", File: "App.java", Line: 7}}}
	if line, _ := o.lineNamed(); line != "App.doGet(App.java:7)" || !o.lineRight(line) {
		t.Errorf("named %q", line)
	}
	o.c = &testCase{}
	if confirmed, _ := o.accusations(); !slices.Equal(confirmed, []string{"threads", "kernel"}) {
		t.Errorf("accused a clean server of %v", confirmed)
	}
}
