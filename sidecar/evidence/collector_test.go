package evidence

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/evidence"
	"github.com/jvmem/jvmem/jvm/evidence/owners"
	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// asked is a container with one JVM that gives preset answers.
type asked struct {
	*Collector
	fake    *jvmtest.Fake
	of      breakdown.Container
	answers []string // of one query each
	loaders *evidence.Loaders
	objects *evidence.Objects
	owners  *owners.Report
	before  reading // of the last query
	err     error
	queries int
	busy    bool          // nothing is lent
	hold    chan struct{} // the query waits for it; nil: it does not
}

func newAsked(t *testing.T) *asked {
	t.Helper()
	a := &asked{fake: jvmtest.NewUnsignalled(t)}
	a.of.Identity = rows.Identity{ID: "c", Cgroup: "/c", CgroupVersion: 2}
	a.start(4711)
	a.Collector = New("/proc", Allowed{Heap: true}, func(ctx context.Context, _ *breakdown.Container, use func(context.Context, []*jvm.Process)) bool {
		if a.busy {
			return false
		}
		p, err := jvm.Open(a.fake.Proc, a.fake.PID)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer p.Close()
			use(ctx, []*jvm.Process{p})
		}()
		if a.hold == nil {
			<-done
		}
		return true
	})
	a.find = func(f *diagnosis.Finding, stage Stage) query {
		if a.queryFor(f, stage) == nil {
			return nil
		}
		return func(_ context.Context, _ *jvm.Process, before reading) (reading, error) {
			if a.hold != nil {
				<-a.hold
			}
			a.queries++
			a.before = before
			return reading{lines: a.answers, loaders: a.loaders, objects: a.objects, owners: a.owners}, a.err
		}
	}
	return a
}

// start replaces the JVM by one that was started at another time, under the same PID.
func (a *asked) start(ticks uint64) {
	a.fake.SetStat('S', ticks)
	a.of.JVMs = []breakdown.JVM{{PID: os.Getpid(), StartTicks: ticks}}
}

func (a *asked) gather(t *testing.T, at time.Time, f diagnosis.Finding) string {
	t.Helper()
	return a.gatherAt(t, Confirmed, at, f)
}

func (a *asked) gatherAt(t *testing.T, stage Stage, at time.Time, f diagnosis.Finding) string {
	t.Helper()
	g := a.Gather(t.Context(), at, &a.of, &f, stage)
	if g == nil {
		return ""
	}
	if g.Time.IsZero() || time.Since(g.Time).Abs() > 48*time.Hour {
		t.Errorf("gathered at %v", g.Time)
	}
	return strings.Join(g.Text, " ") + "|" + g.Failed
}

// TestEvidenceOfRestartedJVM: after a restart in place the evidence of the dead JVM is not
// shown, and the new one is queried.
func TestEvidenceOfRestartedJVM(t *testing.T) {
	a := newAsked(t)
	leak := diagnosis.Finding{Verdict: rows.VerdictThreads, Subject: "pool-#"}
	now := time.Now()
	a.answers = []string{"first"}
	if got := a.gather(t, now, leak); got != "first|" {
		t.Errorf("%q", got)
	}
	a.answers = []string{"second"}
	if got := a.gather(t, now.Add(time.Minute), leak); got != "first|" || a.queries != 1 {
		t.Errorf("queried again: %q, %d queries", got, a.queries)
	}
	a.start(9999)
	if got := a.gather(t, now.Add(2*time.Minute), leak); got != "second|" || a.queries != 2 {
		t.Errorf("after the restart: %q, %d queries", got, a.queries)
	}
	a.start(10_000)
	a.busy = true
	if got := a.gather(t, now.Add(3*time.Minute), leak); got != "" {
		t.Errorf("of a JVM that was not queried: %q", got)
	}
	a.busy = false
	a.answers = []string{"third"}
	if got := a.gather(t, now.Add(4*time.Minute), leak); got != "third|" {
		t.Errorf("%q", got)
	}
}

// TestEvidenceOfIncident: another verdict, another subject, and the same after a long
// time are asked about; what comes back soon is the same incident.
func TestEvidenceOfIncident(t *testing.T) {
	a := newAsked(t)
	now := time.Now()
	for i, tt := range []struct {
		after   time.Duration
		finding diagnosis.Finding
		queries int
	}{
		{0, diagnosis.Finding{Verdict: rows.VerdictThreads, Subject: "a-#"}, 1},
		{time.Minute, diagnosis.Finding{Verdict: rows.VerdictThreads, Subject: "b-#"}, 2},
		{2 * time.Minute, diagnosis.Finding{Verdict: rows.VerdictHeap}, 3},
		{50 * time.Minute, diagnosis.Finding{Verdict: rows.VerdictThreads, Subject: "a-#"}, 3},
		{100 * time.Minute, diagnosis.Finding{Verdict: rows.VerdictThreads, Subject: "a-#"}, 3},
		{3 * time.Hour, diagnosis.Finding{Verdict: rows.VerdictThreads, Subject: "a-#"}, 4},
		{3 * time.Hour, diagnosis.Finding{Verdict: rows.VerdictKernel}, 4},
	} {
		a.gather(t, now.Add(tt.after), tt.finding)
		if a.queries != tt.queries {
			t.Errorf("step %d: %d queries, want %d", i, a.queries, tt.queries)
		}
	}
	for i := range 100 {
		a.gather(t, now.Add(3*time.Hour), diagnosis.Finding{Verdict: rows.VerdictThreads, Subject: fmt.Sprint(i)})
	}
	if a.queries > 4+maxIncidents {
		t.Errorf("%d queries", a.queries)
	}
}

// TestEvidenceRetried: a query that failed is repeated, with a growing delay.
func TestEvidenceRetried(t *testing.T) {
	a := newAsked(t)
	a.err = errors.New("no answer in time")
	leak := diagnosis.Finding{Verdict: rows.VerdictClassLoader}
	begun := time.Now()
	var at []time.Duration
	for after := time.Duration(0); after < 4*time.Hour; after += 30 * time.Second {
		before := a.queries
		if got := a.gather(t, begun.Add(after), leak); got != "|no answer in time" {
			t.Fatalf("after %v: %q", after, got)
		}
		if a.queries > before {
			at = append(at, after)
		}
	}
	want := []time.Duration{0, 1, 3, 7, 15, 31, 63, 123, 183}
	for i := range want {
		want[i] *= time.Minute
	}
	if fmt.Sprint(at) != fmt.Sprint(want) {
		t.Errorf("queried after %v, want %v", at, want)
	}
	a.err, a.answers = nil, []string{"12 class loaders"}
	if got := a.gather(t, begun.Add(5*time.Hour), leak); got != "12 class loaders|" {
		t.Errorf("after it answered: %q", got)
	}
}

// TestEvidenceLate: a query that takes long is not waited for, and not repeated meanwhile.
func TestEvidenceLate(t *testing.T) {
	a := newAsked(t)
	a.hold, a.answers = make(chan struct{}), []string{"late"}
	leak := diagnosis.Finding{Verdict: rows.VerdictNativeUntracked}
	now := time.Now()
	for range 3 {
		if got := a.gather(t, now, leak); got != "" {
			t.Errorf("before the answer: %q", got)
		}
	}
	close(a.hold)
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if got := a.gather(t, now, leak); got == "late|" {
			break
		} else if time.Now().After(end) {
			t.Fatalf("%q", got)
		}
	}
	if a.queries != 1 {
		t.Errorf("%d queries", a.queries)
	}
}

// TestHistogramNeedsRoom: near the limit no class histogram is requested from the JVM, until
// there is room; without the flag it never is.
func TestHistogramNeedsRoom(t *testing.T) {
	a := newAsked(t)
	a.answers = []string{"9 × byte[]"}
	leak := diagnosis.Finding{Verdict: rows.VerdictHeap}
	now := time.Now()
	a.of.HeadroomBytes = new(int64(minHistogramRoom - 1))
	if got := a.gather(t, now, leak); !strings.Contains(got, "the limit is near") || a.queries != 0 {
		t.Errorf("%q", got)
	}
	a.of.HeadroomBytes = new(int64(minHistogramRoom))
	if got := a.gather(t, now.Add(2*time.Minute), leak); got != "9 × byte[]|" || a.queries != 1 {
		t.Errorf("%q", got)
	}
	for _, stage := range []Stage{Suspected, Confirmed} {
		if New("/proc", Allowed{}, nil).Gather(t.Context(), now, &a.of, &leak, stage) != nil {
			t.Error("a histogram that was not enabled")
		}
	}
}

// TestEvidenceApart: what was not compared over a minute or more is read once more.
func TestEvidenceApart(t *testing.T) {
	type at struct {
		stage Stage
		after time.Duration
	}
	for name, tt := range map[string]struct {
		asked   []at
		queries int
		owners  bool
	}{
		"suspected long before":   {[]at{{Suspected, 0}, {Suspected, 20 * time.Minute}, {Confirmed, 30 * time.Minute}, {Confirmed, 60 * time.Minute}}, 2, false},
		"suspected just before":   {[]at{{Suspected, 0}, {Confirmed, 6 * time.Second}, {Confirmed, 4 * time.Minute}, {Confirmed, 6 * time.Minute}, {Confirmed, 50 * time.Minute}}, 3, false},
		"confirmed at once":       {[]at{{Confirmed, 0}, {Confirmed, 4 * time.Minute}, {Confirmed, 5 * time.Minute}, {Confirmed, 50 * time.Minute}}, 2, false},
		"compared with baselines": {[]at{{Confirmed, 0}, {Confirmed, 50 * time.Minute}}, 1, true},
	} {
		a := newAsked(t)
		a.answers, a.objects = []string{"9 × byte[]"}, &evidence.Objects{}
		if tt.owners {
			a.owners = &owners.Report{}
		}
		begun := time.Now()
		for _, step := range tt.asked {
			a.gatherAt(t, step.stage, begun.Add(step.after), diagnosis.Finding{Verdict: rows.VerdictHeap})
		}
		if a.queries != tt.queries {
			t.Errorf("%s: %d queries, want %d", name, a.queries, tt.queries)
		}
	}
}

// TestHistogramKept: a reading of the suspicion is compared with that of the confirmation,
// also if queries were refused or failed in between.
func TestHistogramKept(t *testing.T) {
	a := newAsked(t)
	a.answers, a.objects = []string{"9 × byte[]"}, &evidence.Objects{}
	leak := diagnosis.Finding{Verdict: rows.VerdictHeap}
	now := time.Now()
	if got := a.gatherAt(t, Suspected, now, leak); got != "9 × byte[]|" {
		t.Errorf("%q", got)
	}
	var first reading
	for _, i := range a.incidents {
		for _, answer := range i.answers {
			first = answer.reading
		}
	}
	a.of.HeadroomBytes = new(int64(minHistogramRoom - 1))
	if got := a.gather(t, now, leak); !strings.HasPrefix(got, "9 × byte[]|no class histogram") {
		t.Errorf("%q", got)
	}
	a.of.HeadroomBytes, a.answers, a.objects, a.err = nil, nil, nil, errors.New("no answer in time")
	if got := a.gather(t, now.Add(time.Hour), leak); got != "9 × byte[]|no answer in time" {
		t.Errorf("%q", got)
	}
	a.answers, a.err = []string{"+9 byte[]"}, nil
	if got := a.gather(t, now.Add(2*time.Hour), leak); got != "+9 byte[]|" || !reflect.DeepEqual(a.before, first) {
		t.Errorf("%q, compared with %+v, want %+v", got, a.before, first)
	}
}

// TestEvidenceOfSuspicion: what costs little is asked when a leak is suspected, and again
// when it is confirmed, if it can be compared; the rest waits.
func TestEvidenceOfSuspicion(t *testing.T) {
	now := time.Now()
	a := newAsked(t)
	a.answers = []string{"stack"}
	threads := diagnosis.Finding{Verdict: rows.VerdictThreads, Subject: "pool-#"}
	if got := a.gatherAt(t, Suspected, now, threads); got != "" || a.queries != 0 {
		t.Errorf("stacks of a suspicion: %q", got)
	}
	if got := a.gather(t, now, threads); got != "stack|" || a.queries != 1 {
		t.Errorf("confirmed: %q", got)
	}
	classes := diagnosis.Finding{Verdict: rows.VerdictClassLoader}
	a.answers, a.loaders = []string{"first"}, &evidence.Loaders{}
	for range 3 {
		if got := a.gatherAt(t, Suspected, now, classes); got != "first|" || a.queries != 2 {
			t.Errorf("suspected: %q, %d queries", got, a.queries)
		}
	}
	a.answers, a.err = nil, errors.New("no answer in time")
	if got := a.gather(t, now, classes); got != "first|no answer in time" || a.queries != 3 {
		t.Errorf("confirmed, no answer: %q, %d queries", got, a.queries)
	}
	a.answers, a.err = []string{"second"}, nil
	for range 3 {
		if got := a.gather(t, now.Add(time.Hour), classes); got != "second|" || a.queries != 4 || a.before.lines[0] != "first" {
			t.Errorf("confirmed: %q after %q, %d queries", got, a.before.lines, a.queries)
		}
	}
}

func TestLoaderLines(t *testing.T) {
	kinds := func(groovy int64) *evidence.Loaders {
		return &evidence.Loaders{Types: []dcmd.LoaderType{
			{Name: "app", Loaders: 1, Classes: 900, ChunkBytes: 9 << 20},
			{Name: "groovy", Loaders: groovy, Classes: groovy, HiddenClasses: groovy, ChunkBytes: groovy << 14},
		}}
	}
	first := reading{loaders: kinds(100), at: time.Now().Add(-time.Minute)}
	got := loaderLines(kinds(300), first)
	want := []string{
		"300 class loaders groovy with 600 classes, 4.7 MiB of metaspace: +200 class loaders, +400 classes, +3.1 MiB in 1m0s",
		"1 class loader app with 900 classes, 9.0 MiB of metaspace",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := loaderLines(kinds(300), reading{})[1]; got != "300 class loaders groovy with 600 classes, 4.7 MiB of metaspace" {
		t.Errorf("the first time: %q", got)
	}
}

func TestArenaLine(t *testing.T) {
	heap := func(arenas int, inUse, free int64) *evidence.Arenas {
		return &evidence.Arenas{Source: "malloc_info", Arenas: arenas, InUseBytes: &inUse, FreeBytes: &free, MmapChunks: new(int64(3)), MmapBytes: new(int64(4 << 20))}
	}
	first := reading{arenas: heap(8, 20<<20, 9<<20), at: time.Now().Add(-time.Minute)}
	const now = "malloc has 9 arenas, in use 50.0 MiB, freed and kept 8.0 MiB, 3 chunks mapped individually with 4.0 MiB"
	if got := arenaLine(heap(9, 50<<20, 8<<20), reading{}); got != now {
		t.Errorf("%q", got)
	}
	const diff = "malloc has 9 arenas (+1), in use 50.0 MiB (+30.0 MiB), freed and kept 8.0 MiB (-1.0 MiB), 3 chunks mapped individually with 4.0 MiB; change in 1m0s"
	if got := arenaLine(heap(9, 50<<20, 8<<20), first); got != diff {
		t.Errorf("%q", got)
	}
}
