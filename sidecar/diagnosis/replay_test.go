package diagnosis

import (
	"flag"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// replay feeds a recorded history to a store, as the sidecar did, and calls with what is
// remembered at each moment at which the sidecar would judge.
func replay(t testing.TB, recorded *history.Container, each func(at int64, c *history.Container)) {
	t.Helper()
	store, err := history.Open(history.Options{Retention: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	track := merged(recorded)
	names := slices.Sorted(maps.Keys(track.Series))
	var pace Pace
	of := &breakdown.Container{Identity: recorded.Identity}
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
		due := track.IsSample(i) && pace.Sample() || i == len(track.Times)-1
		if !track.IsSample(i) {
			pace.Reading()
		}
		if due {
			store.Container(of, func(c *history.Container) {
				c.JVMs = recorded.JVMs // the flags; a sample would add their threads
				each(millis, c)
			})
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
	judged int           // how often
	first  time.Duration // until the first right verdict, since the leak began; 0: never
	length time.Duration // of the recording since then
	lapses int           // judgments after it that did not name it
	events int           // changes that are logged
	// incidents are those that were confirmed, by verdict and time of opening: the state, and how often
	// it changed after that, but for the closing.
	incidents map[string]*incidentCourse
	accused   []string // wrong leaks, each once, with the time
	fleeting  []string // incidents that were closed when they were opened
	last      rows.Verdict
	sentence  string
	// half is the first judgment from half time on, after is how long the JVM ran then.
	half  *Diagnosis
	after time.Duration
}

type incidentCourse struct {
	state   State
	changes int
}

// follow takes in the states of the incidents.
func (c *course) follow(all []Incident) {
	for k := range all {
		i := &all[k]
		key := fmt.Sprint(i.Verdict, " opened at ", i.Opened.Format(time.TimeOnly))
		was := c.incidents[key]
		switch {
		case was == nil && i.open():
			if c.incidents == nil {
				c.incidents = make(map[string]*incidentCourse)
			}
			c.incidents[key] = &incidentCourse{state: i.State}
		case was == nil && i.State == Closed && i.Closed.Equal(i.Opened) && !slices.Contains(c.fleeting, key):
			c.fleeting = append(c.fleeting, key)
		case was != nil && was.state != i.State:
			if was.state = i.State; i.State != Closed {
				was.changes++
			}
		}
	}
}

// unsteady returns the incidents that changed their state more than once beyond open, confirmed, closed.
func (c *course) unsteady() (all []string) {
	for _, key := range slices.Sorted(maps.Keys(c.incidents)) {
		if n := c.incidents[key].changes; n > 1 {
			all = append(all, fmt.Sprintf("%s: %d changes", key, n))
		}
	}
	return all
}

// forecast is how far the forecast at half time was off, of what was true.
func (c *course) forecast(r *recording) string {
	switch {
	case !r.Ended || c.half == nil:
		return ""
	case c.half.Forecast == nil:
		return "no forecast at half time, "
	}
	f := c.half.Forecast
	off, _ := c.off()
	return fmt.Sprintf("forecast at half time %.0f s (%.0f to %.0f) of %.0f: %+.0f %%, ", f.Seconds, f.LowSeconds, f.HighSeconds, c.after.Seconds(), off)
}

// off is how many percent the forecast at half time was too long; not ok if there was none.
func (c *course) off() (percent float64, ok bool) {
	if c.half == nil || c.half.Forecast == nil {
		return 0, false
	}
	return 100 * (c.half.Forecast.Seconds/c.after.Seconds() - 1), true
}

func follow(t testing.TB, r *recording, recorded *history.Container) course {
	var c course
	var tracker Tracker
	begin := r.Start
	replay(t, recorded, func(millis int64, h *history.Container) {
		at := time.UnixMilli(millis)
		if begin.IsZero() {
			begin = at
		}
		if at.After(r.End) {
			return
		}
		d, change := tracker.Judge(h)
		if text := twoRates(&d); text != "" {
			t.Errorf("%s at %s: %s", r.Case, at.Sub(begin), text)
		}
		if c.half == nil && at.Sub(begin) >= r.End.Sub(begin)/2 {
			c.half, c.after = &d, r.End.Sub(at)
		}
		c.note(r, at.Sub(begin), &d, change)
	})
	return c
}

// twoRates says where a diagnosis has two rates for one growth; "": nowhere.
func twoRates(d *Diagnosis) string {
	if len(d.Findings) == 0 || !d.Verdict.Leak() || d.Incidents[0].State != Confirmed || d.Findings[0].Rate == nil {
		return ""
	}
	rate, incident := d.Findings[0].Rate, d.Incidents[0].Rate
	whole := 0.0
	if d.Growth != nil {
		whole = float64(d.Growth.BytesPerHour)
	}
	switch {
	case *rate != *incident:
		return fmt.Sprintf("the finding grows by %+v, the incident by %+v", *rate, *incident)
	case !strings.Contains(d.Summary, rateBeside(float64(rate.BytesPerHour), whole, inBytes())):
		return fmt.Sprintf("%+v: %s", *rate, d.Summary)
	case d.Growth != nil && !strings.Contains(d.Summary, rateBeside(whole, float64(rate.BytesPerHour), inBytes())):
		return fmt.Sprintf("unreclaimable memory %+v: %s", *d.Growth, d.Summary)
	}
	return ""
}

// note takes in a judgment, at a time since the leak began.
func (c *course) note(r *recording, at time.Duration, d *Diagnosis, change Change) {
	c.judged++
	c.length = at
	if change != "" {
		c.events++
	}
	c.follow(d.Incidents)
	right := d.Verdict == r.Verdict && (r.Subject == "" || d.Subject == r.Subject)
	switch {
	case right && r.Verdict.Leak() && c.first == 0:
		c.first = max(c.length, 1)
	case !right && c.first != 0:
		c.lapses++
	}
	if wrong := string(d.Verdict); d.Verdict.Leak() && d.Verdict != r.Verdict &&
		!slices.ContainsFunc(c.accused, func(s string) bool { return strings.HasPrefix(s, wrong) }) {
		c.accused = append(c.accused, wrong+" after "+c.length.Round(time.Second).String())
	}
	c.last, c.sentence = d.Verdict, d.Summary
}

// faults: nothing clean is accused at any moment; a leak is named before half of its way,
// from then on at each moment, and logged once.
func (c *course) faults(r *recording) []string {
	var all []string
	fault := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if len(c.accused) > 0 {
		fault("accused of %v", c.accused)
	}
	if len(c.fleeting) > 0 {
		fault("closed when opened: %v", c.fleeting)
	}
	if !r.Verdict.Leak() {
		return all
	}
	if c.first == 0 || c.first > c.length/2 {
		fault("named after %s of %s", c.first, c.length)
	}
	if c.lapses > 0 || c.events != 1 {
		fault("not named %d times of %d afterwards, %d events", c.lapses, c.judged, c.events)
	}
	if off, ok := c.off(); ok && r.Ended && math.Abs(off) > nearPercent {
		fault("its forecast at half time is off by %.0f %%", off)
	}
	return all
}

// check fails the test for faults; of a case that is known to be missed, if it has none.
func (c *course) check(t testing.TB, r *recording) {
	t.Helper()
	t.Logf("%-30s %-18s named after %5.0f s of %5.0f, lapses %d of %d, events %d, unsteady %v, accused %v, %slast %s: %s",
		r.Case, r.Verdict, c.first.Seconds(), c.length.Seconds(), c.lapses, c.judged, c.events, c.unsteady(), c.accused, c.forecast(r), c.last, c.sentence)
	faults := c.faults(r)
	switch {
	case r.Missed == "" && len(faults) > 0:
		t.Errorf("%s: %s", r.Case, strings.Join(faults, "; "))
	case r.Missed != "" && len(faults) == 0:
		t.Errorf("%s is judged rightly now: remove missed from servers.json", r.Case)
	}
}

var scored = flag.String("score", "", "a folder of other recordings that TestReplay judges, with an index.json in the form of testdata/servers/servers.json")

// TestReplay judges each recording along its whole course, and prints the score: how many verdicts
// were right, how many leaks were named before half of the way, how many forecasts were near.
func TestReplay(t *testing.T) {
	all := slices.Concat(allServers(t), recordings(t))
	if *scored != "" {
		all = listed(t, *scored, "index.json")
	}
	courses := make([]course, len(all))
	t.Run("each", func(t *testing.T) {
		for k, r := range all {
			t.Run(r.Case, func(t *testing.T) {
				t.Parallel()
				courses[k] = follow(t, &r, r.open(t))
				courses[k].check(t, &r)
			})
		}
	})
	scores := make(map[string]*score)
	for k := range all {
		if courses[k].judged == 0 {
			continue // another one was selected
		}
		s := scores[all[k].Setting]
		if s == nil {
			s = new(score)
			scores[all[k].Setting] = s
		}
		s.add(&all[k], &courses[k])
	}
	for _, setting := range slices.Sorted(maps.Keys(scores)) {
		t.Log(strings.TrimSpace(setting + " " + scores[setting].text()))
	}
}

// score sums up what became of recordings, as measured against the truth.
type score struct {
	leaks, named, inTime         int // before half of the way
	clean, accused, wrong        int // wrong: accusations, also beside the right one
	changed                      int // cases with more than one change of the verdict
	ended, forecasts, near, most int // most changes of one case
	incidents, unsteady          int
	covered                      int // forecasts in whose interval the end came
}

// nearPercent is how far a forecast may be off.
const nearPercent = 25

func (s *score) add(r *recording, c *course) {
	s.wrong += len(c.accused)
	s.incidents += len(c.incidents)
	s.unsteady += len(c.unsteady())
	s.most = max(s.most, c.events)
	if c.events > 1 {
		s.changed++
	}
	if !r.Verdict.Leak() {
		s.clean++
		s.accused += min(1, len(c.accused))
		return
	}
	s.leaks++
	if c.first > 0 {
		s.named++
	}
	if c.first > 0 && c.first <= c.length/2 {
		s.inTime++
	}
	if r.Ended {
		s.ended++
		if off, ok := c.off(); ok {
			s.forecasts++
			if math.Abs(off) <= nearPercent {
				s.near++
			}
			if f, after := c.half.Forecast, c.after.Seconds(); f.LowSeconds <= after && after <= f.HighSeconds {
				s.covered++
			}
		}
	}
}

func (s *score) text() string {
	return fmt.Sprintf("precision %d of %d; %d of %d leaks named, %d before half of the way; %d of %d clean accused; "+
		"%d cases with more than one change (at most %d); %d of %d incidents with more than one change of state; forecast within %d %% at half time: %d of %d that were made, of %d that ended; the end within its interval: %d",
		s.named, s.named+s.wrong, s.named, s.leaks, s.inTime, s.accused, s.clean, s.changed, s.most, s.unsteady, s.incidents, nearPercent, s.near, s.forecasts, s.ended, s.covered)
}

// TestStretched does the same as if all had gone slower: half a second between two samples
// is 10 s, one second 20 s.
func TestStretched(t *testing.T) {
	const factor = 20
	for _, r := range slices.Concat(servers(t), recordings(t)) {
		t.Run(r.Case, func(t *testing.T) {
			t.Parallel()
			checkSlower(t, r, factor)
		})
	}
}

// checkSlower judges a recording along its whole course as if all had gone so much slower.
func checkSlower(t *testing.T, r recording, factor int64) {
	t.Helper()
	if r.RealTime != "" {
		t.Skip(r.RealTime)
	}
	recorded := r.open(t)
	stretch := slower(recorded, factor)
	if !r.Start.IsZero() {
		r.Start = time.UnixMilli(stretch(r.Start.UnixMilli()))
	}
	r.End = time.UnixMilli(stretch(r.End.UnixMilli()))
	c := follow(t, &r, recorded)
	c.check(t, &r)
}

// slower makes a recording so many times slower, and returns what does the same with a time.
func slower(recorded *history.Container, factor int64) func(millis int64) int64 {
	track := merged(recorded)
	start := track.Times[0]
	stretch := func(millis int64) int64 { return start + (millis-start)*factor }
	for i := range track.Times {
		track.Times[i] = stretch(track.Times[i])
	}
	recorded.Tracks = []*history.Track{track}
	return stretch
}
