package diagnosis

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/threads"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestStates judges recordings of real JVMs in each state; testdata/states/README.md says
// how they were made.
func TestStates(t *testing.T) {
	for _, tt := range []struct {
		file    string
		verdict rows.Verdict
		summary string
		also    string // in evidence or advice
		not     rows.Verdict
	}{
		{"limit-thrash", rows.VerdictLimitThrash, "were read again that the kernel had just reclaimed", "raise the memory limit", rows.VerdictPageCache},
		{"streaming", rows.VerdictNotEnoughHistory, "usage is near the limit because of page cache", "alert on usage - reclaimable", rows.VerdictLimitThrash},
		{"collecting", rows.VerdictHeapFull, "collections took", "GC.heap_dump", ""},
		{"stopped", rows.VerdictUnresponsive, "no answer to commands (attach) since", "kill -CONT", ""},
		{"idle-threads", rows.VerdictIdleThreads, "600 threads; 50 of 50 looked at", "newFixedThreadPool", ""},
		{"other-user", rows.VerdictNotObservable, "jvmem runs as UID 65532", "runAsUser: 0, runAsGroup: 0", rows.VerdictNone},
	} {
		t.Run(tt.file, func(t *testing.T) {
			r := recording{File: "testdata/states/" + tt.file + ".json.gz"}
			d := Diagnose(r.open(t))
			if d.Verdict != tt.verdict || !strings.Contains(d.Summary, tt.summary) {
				t.Errorf("%s: %s, want %s with %q", d.Verdict, d.Summary, tt.verdict, tt.summary)
			}
			for _, f := range d.Findings {
				if f.Verdict == tt.not || f.Verdict.Leak() {
					t.Errorf("also %s: %s", f.Verdict, f.Evidence)
				}
			}
			if len(d.Findings) == 0 || !strings.Contains(strings.Join(slices.Concat(d.Findings[0].Evidence, d.Findings[0].Next), "\n"), tt.also) {
				t.Errorf("findings %+v, want %q", d.Findings, tt.also)
			}
		})
	}
}

// counters is a history of counters that rise by so much a second, in steps of ten seconds.
func counters(seconds int, start, perSecond map[string]float64) *history.Container {
	track := &history.Track{Series: make(map[string]*history.Column)}
	for s := 0; s <= seconds; s += 10 {
		track.Times = append(track.Times, int64(1e12+1000*s))
	}
	for name, from := range start {
		column := &history.Column{}
		for s := 0; s <= seconds; s += 10 {
			column.Last = append(column.Last, int64(from+perSecond[name]*float64(s)))
		}
		track.Series[name] = column
	}
	return &history.Container{JVMs: []breakdown.JVM{{PID: 7}}, Tracks: []*history.Track{{}, track}}
}

// TestThrashThreshold: what looks like thrashing at the limit, and what does not.
func TestThrashThreshold(t *testing.T) {
	const limit = 100 << 20
	for _, tt := range []struct {
		name                      string
		usage, cache              float64 // of the limit
		refaults, faults, stalled float64 // each second: MiB, count, share; < 0: not known
		want                      bool
	}{
		{"code is read again and again", 0.999, 0.1, 20, 100, -1, true},
		{"all wait for memory", 0.999, 0.1, 1, 20, 0.2, true},
		{"a large file is read in turn", 0.999, 0.6, 500, 0, -1, false},
		{"and stalls are reported", 0.999, 0.6, 500, 0, 0.12, false},
		{"a large file is mapped and read in turn", 0.999, 0.6, 500, 2000, -1, false},
		{"an index that does not fit by a little", 0.999, 0.2, 4, 200, -1, false},
		{"some wait for memory", 0.999, 0.1, 20, 100, 0.02, false},
		{"faults below the limit", 0.9, 0.1, 20, 100, 0.2, false},
		{"a kernel that reports nothing", 0.999, 0.1, -1, -1, -1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := map[string]float64{history.JVMGeneration: 1, history.Limit: limit, history.Usage: tt.usage * limit, history.Reclaimable: tt.cache * limit}
			rates := map[string]float64{history.RefaultBytes: tt.refaults * (1 << 20), history.MajorFaults: tt.faults, history.StalledMillis: 1000 * tt.stalled}
			for name, rate := range rates {
				if rate >= 0 {
					start[name] = 5e9
				}
			}
			c := counters(120, start, rates)
			if _, found := newJudge(c).limitThrash(); found != tt.want {
				t.Errorf("found %v", found)
			}
			c.Tracks[1] = c.Between(time.UnixMilli(0), time.UnixMilli(1e12+40_000))
			if _, found := newJudge(c).limitThrash(); found {
				t.Error("found after 40 s")
			}
		})
	}
}

// TestUnresponsive: three samples without an answer in a row, of this JVM.
func TestUnresponsive(t *testing.T) {
	u := history.Unknown
	for _, tt := range []struct {
		name     string
		answers  history.Values // a sample each 10 s: how many JVMs did not answer
		cores    float64
		state    string
		evidence string // "": not found
	}{
		{"answers", history.Values{0, 0, 0, 0, 0, 0}, 0, "S", ""},
		{"attach is disabled", history.Values{u, u, u, u, u, u}, 0, "S", ""},
		{"one time-out", history.Values{0, 0, 0, 0, 1, 1}, 0, "S", ""},
		{"it answered again", history.Values{1, 1, 1, 1, 1, 0}, 0, "S", ""},
		{"it waits", history.Values{0, 0, 1, 1, 1, 1}, 0.01, "S", "it waits"},
		{"it computes", history.Values{0, 0, 1, 1, 1, 1}, 1, "S", "does not reach a safepoint"},
		{"stopped", history.Values{0, 0, 1, 1, 1, 1}, 0, "T", "SIGSTOP"},
		{"a disk does not respond", history.Values{0, 0, 1, 1, 1, 1}, 0, "D", "uninterruptible"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := counters(50, map[string]float64{history.JVMGeneration: 1, history.CPUMillis: 0}, map[string]float64{history.CPUMillis: 1000 * tt.cores})
			c.Tracks[1].Series[history.Unanswered] = &history.Column{Last: tt.answers}
			c.JVMs[0].State = tt.state
			f, found := newJudge(c).unresponsive()
			if found != (tt.evidence != "") || !strings.Contains(strings.Join(f.Evidence, "; "), tt.evidence) || found && len(f.Next) == 0 {
				t.Errorf("found %v: %+v", found, f)
			}
		})
	}
}

// TestIdleThreads: the pool is large, and hardly any of those looked at did something.
func TestIdleThreads(t *testing.T) {
	for want, i := range map[bool][]threads.Idle{
		true:  {{Pool: "qtp-#", Threads: 200, Looked: 50, Idle: 45}},
		false: {{Threads: 199, Looked: 50, Idle: 50}, {Threads: 600, Looked: 50, Idle: 44}, {Threads: 600, Looked: 19, Idle: 19}},
	} {
		for _, idle := range i {
			c := counters(10, map[string]float64{history.JVMGeneration: 1}, nil)
			c.JVMs[0].Threads.Idle = &idle
			if f, found := newJudge(c).idleThreads(); found != want {
				t.Errorf("%+v: %+v", idle, f)
			}
		}
	}
}

// TestStateStays: a level that is now above and now below the threshold is one state, which ends ten minutes
// after the level has left it. Memory that glibc uses again is not retained.
func TestStateStays(t *testing.T) {
	const limit, mib = 1000 << 20, 1 << 20
	retained := history.Detail(rows.Native, rows.AllocatorRetained)
	for _, tt := range []struct {
		name     string
		series   string
		find     func(*judge) (Finding, bool)
		level    func(minute, k int) int64 // MiB
		from, to int                       // minutes
	}{
		{"page cache", history.Usage, (*judge).pageCache, func(minute, k int) int64 {
			if minute < 10 || minute >= 30 {
				return 500
			}
			return int64(790 + 20*(k%2))
		}, 10, 40},
		{"retained", retained, (*judge).retained, func(minute, k int) int64 {
			if minute < 10 || minute >= 30 {
				return 50
			}
			return int64(93 + 10*(k%2))
		}, 20, 40},
		{"used again", retained, (*judge).retained, func(minute, k int) int64 { return int64(20 + 130*(minute/5%2)) }, 0, 0},
	} {
		c := counters(3600, map[string]float64{history.JVMGeneration: 1, history.Limit: limit, history.Usage: 0, history.Reclaimable: 300 * mib, retained: 0}, nil)
		for k := range c.Tracks[1].Series[tt.series].Last {
			c.Tracks[1].Series[tt.series].Last[k] = tt.level(k/6, k) * mib
		}
		was, changes, want := false, 0, 0
		if tt.to > tt.from {
			want = 2
		}
		for k, at := range c.Tracks[1].Times {
			_, found := tt.find(newJudge(until(c, at)))
			if found != was {
				was, changes = found, changes+1
			}
			if minute := k / 6; found != (minute >= tt.from && minute < tt.to) && k != 6*tt.from {
				t.Errorf("%s, after %d minutes: %v", tt.name, minute, found)
			}
		}
		if changes != want {
			t.Errorf("%s: %d changes", tt.name, changes)
		}
	}
}

// TestLessForAMoment: a step of a minute in which less was retained for a moment, as samples may not have seen it, does
// not end what is retained.
func TestLessForAMoment(t *testing.T) {
	const mib, minutes = 1 << 20, 30
	column := func(last, least int64) *history.Column {
		of := func(v int64) history.Values { return slices.Repeat(history.Values{v}, minutes) }
		return &history.Column{Last: of(last), Min: of(least), Max: of(last)}
	}
	track := &history.Track{StepMillis: minute, Series: map[string]*history.Column{
		history.JVMGeneration: column(1, 1), history.Limit: column(1000*mib, 1000*mib),
	}}
	for k := range int64(minutes) {
		track.Times = append(track.Times, (k+1)*minute)
	}
	for _, tt := range []struct {
		last, least int64
		want        bool
	}{{150, 150, true}, {150, 50, true}, {50, 50, false}} {
		track.Series[history.Detail(rows.Native, rows.AllocatorRetained)] = column(tt.last*mib, tt.least*mib)
		if _, found := newJudge(&history.Container{Tracks: []*history.Track{track}}).retained(); found != tt.want {
			t.Errorf("%+v: %v", tt, found)
		}
	}
}

// TestPriority: a leak comes before a state, and states before no verdict, also without
// history.
func TestPriority(t *testing.T) {
	all := rows.States()
	for i, v := range all {
		if Phrase(v, "") == "" || v.Leak() {
			t.Errorf("%s: phrase %q", v, Phrase(v, ""))
		}
		if v.Urgent() && i > 0 && !all[i-1].Urgent() {
			t.Errorf("%s is after what is not urgent", v)
		}
	}
	c := counters(50, map[string]float64{history.JVMGeneration: 1, history.Limit: 1 << 30, history.Usage: 1 << 30, history.Reclaimable: 1 << 29}, nil)
	if d := Diagnose(c); d.Verdict != rows.VerdictNotEnoughHistory || len(d.Findings) != 1 || d.Findings[0].Verdict != rows.VerdictPageCache {
		t.Errorf("%s: %+v", d.Verdict, d.Findings)
	}
	c.Missing = []string{"heap", "metaspace", "threads", "code_cache", "native"}
	if d := Diagnose(c); d.Verdict == rows.VerdictNotObservable {
		t.Errorf("a JVM that is starting: %+v", d.Findings)
	}
	c.Sources = []jvm.Source{{Name: jvm.SourceSmaps, Reason: "permission denied"}}
	if d := Diagnose(c); d.Verdict != rows.VerdictNotObservable || d.Judged() {
		t.Errorf("%s: %+v", d.Verdict, d.Findings)
	}
}
