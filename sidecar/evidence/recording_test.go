package evidence

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/evidence"
	"github.com/jvmem/jvmem/jvm/evidence/cause"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

var leaking = &cause.Finding{
	Kind: cause.Threads, Total: 120, Seen: "jdk.ThreadStart, jdk.ThreadEnd",
	Causes: []cause.Cause{
		{Line: cause.Line{Class: "com.acme.OrderSync", Method: "connect", File: "OrderSync.java", Line: 42}, Count: 118, Share: 118. / 120, What: "order-\x1bsync-#", Stack: []string{"java.lang (2 frames)", "com.acme.OrderSync.connect(OrderSync.java:42)"}},
		{Line: cause.Line{Class: "com.acme.Other", Method: "run", File: "Other.java", Line: 7}, Count: 2, Share: 2. / 120},
	},
	From: time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 29, 8, 2, 0, 0, time.UTC),
}

// fakeRecording shows what its test sets.
type fakeRecording struct {
	sampled      bool
	shows        *cause.Finding
	failed       error
	looks, stops int
}

func (r *fakeRecording) Sampled() bool { return r.sampled }

func (r *fakeRecording) Look(context.Context, *jvm.Process) (*cause.Finding, error) {
	r.looks++
	return r.shows, r.failed
}

func (r *fakeRecording) Stop(context.Context, *jvm.Process) (*cause.Finding, error) {
	r.stops++
	return r.shows, r.failed
}

// newRecorded is a container with room for recordings of a JVM, which are the fake one.
func newRecorded(t *testing.T, r *fakeRecording) (a *asked, starts *int) {
	a, starts = newAsked(t), new(int)
	a.allowed.Recordings = true
	a.of.Limited, a.of.LimitBytes, a.of.UsageBytes, a.of.ReclaimableBytes = new(true), new(int64(512<<20)), new(int64(300<<20)), new(int64(0))
	a.answers = []string{"stack"}
	a.Collector.start = func(context.Context, *jvm.Process, cause.Kind, int) (recording, time.Duration, *cause.Finding, error) {
		*starts++
		return r, map[bool]time.Duration{true: sampleTime, false: countTime}[r.sampled], nil, nil
	}
	return a, starts
}

const leakingLine = `started by com.acme.OrderSync.connect(OrderSync.java:42), 118 of 120 threads that stay (98 %): order-\x1bsync-#`

// TestRecordingOfIncident: one recording for each incident and JVM, when it is confirmed.
func TestRecordingOfIncident(t *testing.T) {
	r := &fakeRecording{shows: leaking}
	a, starts := newRecorded(t, r)
	leak := diagnosis.Finding{Verdict: rows.VerdictThreads, Subject: "a-#"}
	now := time.Now()
	step := func(name string, after time.Duration, wantStarts, wantStops int, begins string) {
		t.Helper()
		got := a.gather(t, now.Add(after), leak)
		if *starts != wantStarts || r.stops != wantStops || r.looks > 0 || !strings.HasPrefix(got, begins) {
			t.Errorf("%s: %d starts, %d stops, %d looks, %q", name, *starts, r.stops, r.looks, got)
		}
	}
	if a.gatherAt(t, Suspected, now, leak); *starts > 0 {
		t.Error("a suspicion was recorded")
	}
	step("confirmed", 0, 1, 0, "which line of code leaks is being recorded")
	step("meanwhile", countTime-time.Second, 1, 0, "which line")
	other := leak
	other.Subject = "b-#"
	if a.gather(t, now, other); *starts > 1 {
		t.Error("two recordings at once")
	}
	step("at its end", countTime, 1, 1, leakingLine)
	step("later", 30*time.Minute, 1, 1, leakingLine)
	a.start(9999)
	step("restarted", 31*time.Minute, 2, 1, "which line")

	a.start(10_000)
	a.of.UsageBytes = new(int64(512<<20 - evidence.RecordingBytes + 1))
	step("no room", 41*time.Minute, 2, 1, "stack|no recording: JFR makes the JVM use 12 to 31 MiB for good, and only 48.0 MiB are left")
	a.of.UsageBytes = new(int64(300 << 20))
	step("room again", 43*time.Minute, 3, 1, "which line")
	a.of.UsageBytes = nil
	a.start(10_002)
	step("unknown", 44*time.Minute, 3, 1, "stack|no recording: it is unknown")
	a.of.UsageBytes = new(int64(300 << 20))
	a.start(10_003)
	a.Collector.start = func(context.Context, *jvm.Process, cause.Kind, int) (recording, time.Duration, *cause.Finding, error) {
		return nil, 0, leaking, nil
	}
	step("of somebody else", 45*time.Minute, 3, 1, leakingLine)

	a.allowed = Allowed{None: true}
	if got := a.gather(t, now, leak); got != "" {
		t.Errorf("with none: %q", got)
	}
}

// TestRecordingOfSuspicion: where a suspicion lasts it is recorded, twice at most. What that found is there
// when the leak is confirmed, and if it found nothing, recording goes on.
func TestRecordingOfSuspicion(t *testing.T) {
	for _, c := range []struct {
		verdict                 rows.Verdict
		shows                   *cause.Finding
		late, long, atConfirmed int // starts: when the suspicion lasts, hours later
	}{
		{rows.VerdictClassLoader, leaking, 1, 1, 1},
		{rows.VerdictHeap, &cause.Finding{}, 1, 2, 3},
		{rows.VerdictThreads, leaking, 0, 0, 1},
	} {
		r := &fakeRecording{shows: c.shows}
		a, starts := newRecorded(t, r)
		leak := diagnosis.Finding{Verdict: c.verdict}
		opened := time.Now()
		at := func(stage Stage, now time.Time, want int) {
			t.Helper()
			if a.gatherAt(t, stage, now, leak); *starts != want {
				t.Errorf("%s at %s: %d starts, want %d", c.verdict, now.Sub(opened), *starts, want)
			}
		}
		lasts := opened.Add(lasting[c.verdict])
		at(StageOf(c.verdict, opened, lasts.Add(-time.Second)), lasts.Add(-time.Second), 0)
		at(StageOf(c.verdict, opened, lasts), lasts, c.late)
		now := lasts
		for range 20 {
			now = now.Add(30 * time.Minute)
			a.gatherAt(t, StageOf(c.verdict, opened, now), now, leak)
		}
		at(StageOf(c.verdict, opened, now), now, c.long)
		at(Confirmed, now.Add(30*time.Minute), c.atConfirmed)
	}
}

// TestRecorded: which kind is recorded for a verdict, and for how long.
func TestRecorded(t *testing.T) {
	for _, c := range []struct {
		verdict rows.Verdict
		nmt     string
		options cause.Options
		kind    cause.Kind
		length  time.Duration
	}{
		{rows.VerdictThreads, "off", cause.Options{JDK: 17}, cause.Threads, countTime},
		{rows.VerdictHeap, "off", cause.Options{JDK: 25, Trace: true}, cause.Heap, sampleTime},
		{rows.VerdictNativeUntracked, "summary", cause.Options{JDK: 25}, cause.Zip, sampleTime},
		{rows.VerdictNativeUntracked, "off", cause.Options{JDK: 21, Trace: true}, cause.Native, sampleTime},
		{rows.VerdictNativeUntracked, "off", cause.Options{JDK: 25, Trace: true}, cause.Native, countTime},
		{rows.VerdictKernel, "off", cause.Options{JDK: 25}, "", 0},
	} {
		collector := New("/proc", Allowed{Recordings: true}, nil)
		of := &breakdown.Container{JVMs: []breakdown.JVM{{NMT: c.nmt}}}
		kind := collector.recordedFor(of, &diagnosis.Finding{Verdict: c.verdict}, Confirmed)
		if kind != c.kind || kind != "" && recordingTime(kind, c.options, 0) != c.length {
			t.Errorf("%+v: %s, %s", c, kind, recordingTime(kind, c.options, 0))
		}
	}
}

// TestRecordingOfSamples: it is looked at, and ends when it names a line; one that names none
// is repeated, not for ever.
func TestRecordingOfSamples(t *testing.T) {
	nothing := &cause.Finding{Kind: cause.Heap, Reason: "not enough samples"}
	r := &fakeRecording{sampled: true, shows: nothing}
	a, starts := newRecorded(t, r)
	leak := diagnosis.Finding{Verdict: rows.VerdictHeap}
	now := time.Now()
	interval := evidence.LookInterval(sampleTime)
	step := func(name string, after time.Duration, wantStarts, wantLooks, wantStops int, contains string) {
		t.Helper()
		got := a.gather(t, now.Add(after), leak)
		if *starts != wantStarts || r.looks != wantLooks || r.stops != wantStops || !strings.Contains(got, contains) {
			t.Errorf("%s: %d starts, %d looks, %d stops, %q", name, *starts, r.looks, r.stops, got)
		}
	}
	step("confirmed", 0, 1, 0, 0, "is being recorded")
	step("nothing yet", interval, 1, 1, 0, "is being recorded")
	r.failed = errors.New("busy")
	step("a look fails", 2*interval, 1, 2, 0, "is being recorded")
	r.failed = nil
	step("the end", sampleTime, 1, 2, 1, "not enough samples")
	step("too early", sampleTime+recordingGap-time.Minute, 1, 2, 1, "not enough samples")
	again := sampleTime + recordingGap
	step("again", again, 2, 2, 1, "is being recorded")
	r.shows = leaking
	step("a look names a line", again+interval, 2, 3, 2, leakingLine)
	step("later", again+interval+30*time.Minute, 2, 3, 2, leakingLine)
	a.start(9999)
	r.shows = nothing
	for i := range 3 * maxRecordings {
		now = now.Add(sampleTime + recordingGap)
		a.gather(t, now.Add(again), leak)
		a.gather(t, now.Add(again+sampleTime), leak)
		if want := min(i+1, maxRecordings); *starts != 2+want {
			t.Errorf("%d starts, want %d", *starts, 2+want)
		}
	}
}

// TestCountedAgain: a leak pauses with the load, so what was too little to count in two minutes
// is recorded for longer.
func TestCountedAgain(t *testing.T) {
	r := &fakeRecording{shows: &cause.Finding{Kind: cause.Threads, Reason: "3 threads that stay"}}
	a, _ := newRecorded(t, r)
	var lengths []time.Duration
	a.Collector.start = func(_ context.Context, _ *jvm.Process, kind cause.Kind, earlier int) (recording, time.Duration, *cause.Finding, error) {
		lengths = append(lengths, recordingTime(kind, cause.Options{JDK: 17}, earlier))
		return r, recordingTime(kind, cause.Options{JDK: 17}, earlier), nil, nil
	}
	now := time.Now()
	gather := func(after time.Duration) string {
		return a.gather(t, now.Add(after), diagnosis.Finding{Verdict: rows.VerdictThreads, Subject: "a-#"})
	}
	gather(0)
	gather(countTime)
	second := countTime + recordingGap
	gather(second)
	if gather(second + countTime); r.stops != 1 {
		t.Errorf("%d stops after two minutes of the second", r.stops)
	}
	third := second + sampleTime + recordingGap
	gather(second + sampleTime)
	gather(third)
	fourth := third + sampleTime + recordingGap
	gather(third + sampleTime)
	gather(fourth)
	r.shows = leaking
	if got := gather(fourth + longTime); !slices.Equal(lengths, []time.Duration{countTime, sampleTime, sampleTime, longTime}) || !strings.HasPrefix(got, leakingLine) {
		t.Errorf("recorded for %v, %q", lengths, got)
	}
}

// TestCountedFirst: what is counted does not wait for what is sampled, but for what is counted.
func TestCountedFirst(t *testing.T) {
	r := &fakeRecording{sampled: true, shows: &cause.Finding{Kind: cause.Heap, Reason: "not enough samples"}}
	a, starts := newRecorded(t, r)
	now := time.Now()
	tick := func(after time.Duration, verdicts ...rows.Verdict) {
		for _, v := range verdicts {
			a.gather(t, now.Add(after), diagnosis.Finding{Verdict: v})
		}
		a.Collector.Tend(t.Context(), now.Add(after), &a.of)
	}
	tick(0, rows.VerdictNativeUntracked)
	tick(time.Minute, rows.VerdictNativeUntracked, rows.VerdictHeap)
	if *starts != 1 || r.stops != 0 {
		t.Errorf("%d starts, %d stops of samples beside others", *starts, r.stops)
	}
	tick(2*time.Minute, rows.VerdictNativeUntracked, rows.VerdictClassLoader)
	if *starts != 1 || r.stops != 1 {
		t.Errorf("%d starts, %d stops as there is something to count", *starts, r.stops)
	}
	r.sampled = false
	tick(3*time.Minute, rows.VerdictNativeUntracked, rows.VerdictClassLoader)
	tick(4*time.Minute, rows.VerdictClassLoader, rows.VerdictThreads)
	if *starts != 2 || r.stops != 1 {
		t.Errorf("%d starts, %d stops beside what is counted", *starts, r.stops)
	}
}

// TestConfirmedFirst: a confirmed leak does not wait for the recording of a suspicion.
func TestConfirmedFirst(t *testing.T) {
	r := &fakeRecording{shows: &cause.Finding{Kind: cause.ClassLoader, Reason: "not enough samples"}}
	a, starts := newRecorded(t, r)
	now := time.Now()
	a.gatherAt(t, Lasting, now, diagnosis.Finding{Verdict: rows.VerdictClassLoader})
	for k, confirmed := range []Stage{Lasting, Confirmed} {
		now = now.Add(time.Second)
		a.gatherAt(t, confirmed, now, diagnosis.Finding{Verdict: rows.VerdictThreads})
		a.Collector.Tend(t.Context(), now, &a.of)
		if *starts != 1 || r.stops != k {
			t.Errorf("%d starts, %d stops at stage %d", *starts, r.stops, confirmed)
		}
	}
	if a.gatherAt(t, Confirmed, now.Add(time.Second), diagnosis.Finding{Verdict: rows.VerdictThreads}); *starts != 2 {
		t.Errorf("%d starts after it", *starts)
	}
}

// TestRecordingLookedAtLate: late looks do not delay the end.
func TestRecordingLookedAtLate(t *testing.T) {
	r := &fakeRecording{sampled: true, shows: &cause.Finding{Kind: cause.Heap, Reason: "not enough samples"}}
	a, _ := newRecorded(t, r)
	leak := diagnosis.Finding{Verdict: rows.VerdictHeap}
	now := time.Now()
	late := evidence.LookInterval(sampleTime) + 2*time.Minute
	for _, after := range []time.Duration{0, late, 2 * late, sampleTime} {
		a.gather(t, now.Add(after), leak)
	}
	if r.looks != 2 || r.stops != 1 {
		t.Errorf("%d looks, %d stops", r.looks, r.stops)
	}
}

// TestRecordingOfAbsentFinding: a recording is stopped at its end although the finding is gone,
// and what it shows is there when the finding is.
func TestRecordingOfAbsentFinding(t *testing.T) {
	r := &fakeRecording{shows: leaking}
	a, starts := newRecorded(t, r)
	leak := diagnosis.Finding{Verdict: rows.VerdictThreads, Subject: "a-#"}
	now := time.Now()
	a.gather(t, now, leak)
	other := a.of
	other.ID = "other"
	for _, after := range []time.Duration{countTime / 2, countTime, 2 * countTime} {
		a.Collector.Tend(t.Context(), now.Add(after), &other)
		a.Collector.Tend(t.Context(), now.Add(after), &a.of)
		if want := min(int(after/countTime), 1); r.stops != want {
			t.Errorf("after %s: %d stops", after, r.stops)
		}
	}
	if got := a.gather(t, now.Add(3*countTime), leak); *starts != 1 || !strings.HasPrefix(got, leakingLine) {
		t.Errorf("%d starts, %q", *starts, got)
	}
}

// TestRecordingRetried: a recording that could not be started or stopped is tried again.
func TestRecordingRetried(t *testing.T) {
	r := &fakeRecording{shows: leaking}
	a, starts := newRecorded(t, r)
	good := a.Collector.start
	a.Collector.start = func(context.Context, *jvm.Process, cause.Kind, int) (recording, time.Duration, *cause.Finding, error) {
		*starts++
		return nil, 0, nil, errors.New("no reply")
	}
	leak := diagnosis.Finding{Verdict: rows.VerdictThreads, Subject: "a-#"}
	now := time.Now()
	step := func(name string, after time.Duration, wantStarts, wantStops int, contains string) {
		t.Helper()
		now = now.Add(after)
		got := a.gather(t, now, leak)
		if *starts != wantStarts || r.stops != wantStops || !strings.Contains(got, contains) {
			t.Errorf("%s: %d starts, %d stops, %q", name, *starts, r.stops, got)
		}
	}
	step("confirmed", 0, 1, 0, "stack|no reply")
	step("too early", firstRetry-time.Second, 1, 0, "stack|no reply")
	a.Collector.start = good
	step("again", time.Second, 2, 0, "is being recorded")
	r.failed = errors.New("busy")
	step("cannot be stopped", countTime, 2, 1, "is being recorded")
	r.failed = nil
	step("can be stopped", retryDelay(2), 2, 2, leakingLine)
	a.start(9999)
	step("restarted", 0, 3, 2, "is being recorded")
	r.failed = evidence.ErrNoRecording
	step("it has ended", countTime, 3, 3, "stack|no recording is open")
	step("another one", firstRetry, 4, 3, "is being recorded")
}

// TestRecordingOfOthers: as long as somebody else records without a line, theirs is read at times, and
// own recordings follow.
func TestRecordingOfOthers(t *testing.T) {
	r := &fakeRecording{sampled: true, shows: leaking}
	a, starts := newRecorded(t, r)
	own := a.Collector.start
	reads := 0
	a.Collector.start = func(context.Context, *jvm.Process, cause.Kind, int) (recording, time.Duration, *cause.Finding, error) {
		reads++
		return nil, 0, &cause.Finding{Reason: "no samples"}, nil
	}
	leak := diagnosis.Finding{Verdict: rows.VerdictHeap}
	now := time.Now()
	for range 24 * 60 {
		now = now.Add(time.Minute)
		a.gather(t, now, leak)
	}
	if reads <= maxRecordings || reads > 30 {
		t.Errorf("%d reads in a day", reads)
	}
	a.Collector.start = own
	now = now.Add(lastRetry)
	if got := a.gather(t, now, leak); *starts != 1 || !strings.Contains(got, "is being recorded") {
		t.Errorf("%d starts, %q", *starts, got)
	}
}
