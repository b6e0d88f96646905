package autopsy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/evidence/cause"
	"github.com/jvmem/jvmem/jvm/evidence/owners"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const mib = 1 << 20

var end = time.Date(2026, 11, 26, 1, 50, 0, 0, time.UTC)

func bytesOf(mibs float64) *int64 { return new(int64(mibs * mib)) }

// container is one of 256 MiB a second before its end.
func container(flags map[string]any) *breakdown.Container {
	return &breakdown.Container{
		Identity: rows.Identity{ID: "3f4c", Name: "app"}, LimitBytes: bytesOf(256), UsageBytes: bytesOf(250), RSSBytes: bytesOf(220), OOMKills: new(int64(0)),
		Memory: []breakdown.Row{
			{Name: rows.Heap, Bytes: bytesOf(60), CommittedBytes: bytesOf(64)}, {Name: rows.Native, Bytes: bytesOf(120)},
			{Name: rows.Shmem, Bytes: bytesOf(0)}, {Name: rows.Kernel, Bytes: bytesOf(6)},
		},
		JVMs: []breakdown.JVM{{PID: 7, StartTicks: 99, Version: "17.0.15", Flags: flags}},
	}
}

// before is two minutes of history in steps of 10 s; of each series the first and the
// last value, in MiB (pools as counts), and a straight line between.
func before(series map[string][2]float64) *history.Track {
	t := &history.Track{Series: map[string]*history.Column{history.Unreclaimable: {}, history.JVMGeneration: {Last: make(history.Values, 13)}}}
	for i := range 13 {
		t.Times = append(t.Times, end.Add(-time.Second-time.Duration(12-i)*10*time.Second).UnixMilli())
		unreclaimable := int64(0)
		for name, v := range series {
			if t.Series[name] == nil {
				t.Series[name] = &history.Column{}
			}
			n := int64((v[0] + (v[1]-v[0])*float64(i)/12) * mib)
			if strings.HasPrefix(name, "row/") {
				unreclaimable += n
			}
			t.Series[name].Last = append(t.Series[name].Last, n)
		}
		t.Series[history.Unreclaimable].Last = append(t.Series[history.Unreclaimable].Last, unreclaimable)
	}
	return t
}

// sparse returns a track that has but what is read between two samples, in all steps
// but each third.
func sparse(t *history.Track) *history.Track {
	out := &history.Track{Times: t.Times, Series: make(map[string]*history.Column)}
	for name, c := range t.Series {
		out.Series[name] = &history.Column{Last: slices.Clone(c.Last)}
		for i := range c.Last {
			if name != history.Unreclaimable && i%3 != 1 {
				out.Series[name].Last[i] = history.Unknown
			}
		}
	}
	return out
}

func reading(anon, usage float64) *cgroup.Reading {
	return &cgroup.Reading{
		Time: end.Add(-50 * time.Millisecond), UsageBytes: *bytesOf(usage), AnonBytes: bytesOf(anon), ShmemBytes: bytesOf(0),
		KernelBytes: bytesOf(6), InactiveFileBytes: bytesOf(0), ActiveFileBytes: bytesOf(0),
	}
}

func exit(code int) *proc.Exit              { return &proc.Exit{Code: &code} }
func signal(s syscall.Signal) *proc.Exit    { return &proc.Exit{Signal: &s} }
func kills(from, to int64) (*int64, *int64) { return &from, &to }

func TestExplain(t *testing.T) {
	threads := &diagnosis.Diagnosis{Verdict: rows.VerdictThreads, Subject: "exec-#", Summary: "thread leak", Findings: []diagnosis.Finding{{Next: []string{"find them"}}}}
	none := &diagnosis.Diagnosis{Verdict: rows.VerdictNone}
	unfit := &diagnosis.Diagnosis{Verdict: rows.VerdictNotEnoughHistory, Budget: &diagnosis.BudgetCheck{NeededBytes: 300 * mib, LimitBytes: 256 * mib}}
	slowly := before(map[string][2]float64{"row/native": {100, 110}, "detail/native/direct_buffers": {10, 20}, "row/heap": {60, 61}, "row/page_cache": {0, 90}})
	for name, tt := range map[string]struct {
		death   Death
		state   State
		flags   map[string]any
		kind    Kind
		cause   rows.Verdict
		subject string
		says    string
	}{
		"killed with a verdict": {
			death: Death{Exit: signal(syscall.SIGKILL), Reading: reading(220, 256)}, state: State{Diagnosis: threads, Before: slowly},
			kind: OOMKill, cause: rows.VerdictThreads, subject: "exec-#", says: "thread leak",
		},
		"killed without one: what grew most, and page cache did not kill": {
			death: Death{Exit: signal(syscall.SIGKILL)}, state: State{Diagnosis: none, Before: slowly},
			kind: OOMKill, cause: rows.VerdictDirectBuffers, says: "native +10.0 MiB",
		},
		"a burst outweighs a slow leak": {
			death: Death{}, state: State{Diagnosis: threads, Before: before(map[string][2]float64{"row/shmem": {0, 150}, "row/heap": {60, 60}})},
			kind: OOMKill, cause: rows.VerdictShmem,
		},
		"the pool that grew": {
			death: Death{}, state: State{Before: before(map[string][2]float64{"row/threads": {5, 150}, "pool/exec-#": {10, 900}, "pool/other-#": {20, 25}})},
			kind: OOMKill, cause: rows.VerdictThreads, subject: "exec-#",
		},
		"a heap within its maximum is a matter of settings": {
			death: Death{}, state: State{Diagnosis: unfit, Before: before(map[string][2]float64{"row/heap": {5, 200}})},
			kind: OOMKill, cause: rows.VerdictBudget,
		},
		"after the last breakdown the heap was enlarged": {
			death: Death{Reading: reading(310, 256), FinalCounters: &jvm.FinalCounters{HeapCommittedBytes: bytesOf(140)}}, state: State{Before: slowly},
			kind: OOMKill, cause: rows.VerdictHeap, says: "since the last breakdown: private memory +90.0 MiB",
		},
		"the counter could no longer be read, but SIGKILL came at the limit": {
			death: Death{Exit: signal(syscall.SIGKILL), Reading: reading(240, 255.9), KillsBefore: new(int64(0))}, state: State{Before: slowly},
			kind: OOMKill, cause: rows.VerdictDirectBuffers,
		},
		"neither the counter nor the exit code could be read, at the limit": {
			death: Death{Reading: reading(240, 255.9), KillsBefore: new(int64(0))}, state: State{Before: slowly},
			kind: OOMKill, cause: rows.VerdictDirectBuffers,
		},
		"the same far from the limit": {death: Death{Reading: reading(100, 120), KillsBefore: new(int64(0))}, kind: Ended},
		"SIGKILL far from the limit": {
			death: Death{Exit: signal(syscall.SIGKILL), Reading: reading(100, 120), KillsBefore: new(int64(0))}, kind: Signal, says: "signal 9 (killed)",
		},
		"a child was killed": {
			death: Death{Alive: true}, state: State{Before: before(map[string][2]float64{"row/other_processes": {1, 120}, "process/tail": {1, 120}})},
			kind: OOMKillOther, cause: rows.VerdictOtherProcess, subject: "tail", says: "the JVM is still running",
		},
		"a child was killed before the JVM exited": {death: Death{Exit: exit(1)}, kind: Exit, says: "exited with code 1"},
		"Java ran out of memory": {
			death: Death{Exit: exit(3), KillsAfter: new(int64(0))}, flags: map[string]any{"ExitOnOutOfMemoryError": true},
			kind: JavaOutOfMemory, cause: rows.VerdictHeap, says: "OutOfMemoryError",
		},
		"code 3 of the application's own": {death: Death{Exit: exit(3), KillsAfter: new(int64(0))}, kind: Exit, says: "exited with code 3"},
		"a full heap, and no exit code": {
			death: Death{KillsAfter: new(int64(0)), FinalCounters: &jvm.FinalCounters{HeapUsedBytes: bytesOf(99)}},
			flags: map[string]any{"ExitOnOutOfMemoryError": true, "MaxHeapSize": uint64(100 * mib)}, kind: JavaOutOfMemory, cause: rows.VerdictHeap,
		},
		"nothing is known of the end": {death: Death{KillsAfter: new(int64(0))}, kind: Ended, says: "exit status is unknown"},
		"ended by kubelet":            {death: Death{Exit: exit(143), KillsAfter: new(int64(0))}, kind: Exit, says: "code 143 after signal 15 (terminated)"},
	} {
		t.Run(name, func(t *testing.T) {
			d := tt.death
			d.Time, d.PID, d.StartTicks = end, 7, 99
			if d.KillsBefore == nil {
				after := d.KillsAfter
				d.KillsBefore, d.KillsAfter = kills(0, 1)
				if after != nil {
					d.KillsAfter = after
				}
			}
			tt.state.Last, tt.state.LastTime = container(tt.flags), end.Add(-time.Second)
			a := Explain(d, tt.state)
			if a.Kind != tt.kind || a.Cause != tt.cause || a.Subject != tt.subject || !strings.Contains(a.Summary, tt.says) {
				t.Errorf("%s, cause %s (%s), want %s, %s (%s): %s", a.Kind, a.Cause, a.Subject, tt.kind, tt.cause, tt.subject, a.Summary)
			}
			if a.CouldBeOOMKill {
				t.Errorf("could be an OOM kill, though the counter is known: %s", a.Summary)
			}
			if tt.state.Before != nil {
				tt.state.Before = sparse(tt.state.Before)
				if s := Explain(d, tt.state); s.Kind != a.Kind || s.Cause != a.Cause || s.Subject != a.Subject {
					t.Errorf("with rows known now and then: %s, cause %s (%s): %s", s.Kind, s.Cause, s.Subject, s.Summary)
				}
			}
			if *a.LastAgeSeconds != 1 || a.Version != "17.0.15" || a.ContainerName != "app" {
				t.Errorf("%+v", a)
			}
			if a.Kind.OutOfMemory() != (a.Cause != "") || a.Kind.OutOfMemory() && len(a.Next) == 0 && a.Cause != rows.VerdictBudget {
				t.Errorf("cause %q, next %q", a.Cause, a.Next)
			}
		})
	}
	for _, exit := range []*proc.Exit{nil, signal(syscall.SIGKILL), signal(syscall.SIGTERM)} {
		a := Explain(Death{Time: end, Exit: exit}, State{})
		if could := exit == nil || *exit.Signal == syscall.SIGKILL; a.CouldBeOOMKill != could || strings.Contains(a.Summary, "could be an OOM kill") != could {
			t.Errorf("exit %v, nothing known of the cgroup: %s", exit, a.Summary)
		}
	}
	// A JVM that was never sampled.
	if a := Explain(Death{Time: end, Exit: signal(syscall.SIGTERM)}, State{}); a.Kind != Signal || a.Last != nil {
		t.Errorf("%+v", a)
	}
	known := Death{Time: end, Container: rows.Identity{ID: "3f4c", Name: "app"}, Reading: &cgroup.Reading{LimitBytes: bytesOf(256)}}
	unread := container(nil) // its cgroup was removed while it was read
	unread.LimitBytes, unread.UsageBytes = nil, nil
	for _, s := range []State{{}, {Last: unread}} {
		if a := Explain(known, s); a.ContainerID != "3f4c" || a.ContainerName != "app" || a.LimitBytes == nil || *a.LimitBytes != 256*mib {
			t.Errorf("%+v", a)
		}
	}
}

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxAutopsies + 3 {
		a := Explain(Death{Time: end.Add(time.Duration(i) * time.Minute), PID: 7 + i, StartTicks: 99}, State{Last: container(nil), LastTime: end})
		a.PID = 7 + i
		if err := s.Add(&a); err != nil {
			t.Fatal(err)
		}
	}
	dead := container(nil)
	dead.JVMs[0].PID = 7 + maxAutopsies + 2
	other := container(nil)
	other.ID, other.Name = "77", "other"
	next := container(nil)
	next.ID, next.JVMs[0].StartTicks = "88", 199 // a new container of the same name
	for i, c := range []*breakdown.Container{dead, other, next, next} {
		if err := s.Seen(end.Add(time.Duration(i)*time.Hour), c); err != nil {
			t.Fatal(err)
		}
	}
	r := s.Report()
	if len(r.Autopsies) != maxAutopsies || r.Autopsies[0].PID != 7+maxAutopsies+2 {
		t.Fatalf("%d autopsies, the newest of PID %d", len(r.Autopsies), r.Autopsies[0].PID)
	}
	if at := r.Autopsies[0].RestartedAt; at == nil || !at.Equal(end.Add(2*time.Hour)) {
		t.Errorf("restarted at %v", at)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	is, _ := json.Marshal(again.Report())
	if was, _ := json.Marshal(r); !bytes.Equal(is, was) {
		t.Errorf("after a restart: %s", is)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("files %v", files)
	}
	if err := os.WriteFile(filepath.Join(dir, fileName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	damaged, err := Open(dir)
	if err == nil || len(damaged.Report().Autopsies) != 0 {
		t.Errorf("a damaged file: %v", err)
	}
	path := filepath.Join(dir, fileName)
	if err := errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil { // and it does not wait
		t.Error("a pipe is taken for a file")
	}
	full, err := Open("/dev/full/state")
	if err == nil {
		t.Error("a folder that is none")
	}
	a := r.Autopsies[0]
	if err := full.Add(&a); err == nil || !reflect.DeepEqual(full.Report().Autopsies, []Autopsy{a}) {
		t.Errorf("a folder that is none: %v, %d are kept", err, len(full.Report().Autopsies))
	}
}

// TestNamedLater: what another source names since then did not grow from 0.
func TestNamedLater(t *testing.T) {
	track := before(map[string][2]float64{"row/native": {100, 200}, "row/gc": {30, 30}, "detail/native/direct_buffers": {90, 190}})
	unknownIn(track, 0, 6, "row/gc", "detail/native/direct_buffers")
	a := Explain(Death{Time: end, PID: 7, KillsBefore: new(int64(0)), KillsAfter: new(int64(1))}, State{Last: container(nil), LastTime: end, Before: track})
	if want := []Growth{{Row: "native", Bytes: 100 * mib}, {Row: "native", Detail: "direct_buffers", Bytes: 50 * mib}}; !slices.Equal(a.Grew, want) {
		t.Errorf("grew %v, want %v", a.Grew, want)
	}
}

// TestCauseUnknownAtStart: a row that was unknown while the JVM started is the cause if it grew
// after that. It was seen that the threads' rows were passed over for 13 MiB of native memory.
func TestCauseUnknownAtStart(t *testing.T) {
	track := before(map[string][2]float64{"row/native": {7, 20}, "row/threads": {1, 301}})
	unknownIn(track, 0, 1, "row/threads")
	a := Explain(Death{Time: end, PID: 7, KillsBefore: new(int64(0)), KillsAfter: new(int64(1))}, State{Last: container(nil), LastTime: end, Before: track})
	if want := (Growth{Row: "threads", Bytes: 275 * mib}); a.Cause != rows.VerdictThreads || a.Grew[0] != want {
		t.Errorf("cause %s, want %s: %s", a.Cause, rows.VerdictThreads, a.Summary)
	}
}

// unknownIn makes series unknown in the steps from one to before another.
func unknownIn(track *history.Track, from, to int, names ...string) {
	for _, name := range names {
		for i := from; i < to; i++ {
			track.Series[name].Last[i] = history.Unknown
		}
	}
}

// TestCauseOfUnknownPart: a detail that grew a little is not the cause where most of the growth is
// in none that is known.
func TestCauseOfUnknownPart(t *testing.T) {
	for grew, want := range map[float64]rows.Verdict{140: rows.VerdictDirectBuffers, 91: rows.VerdictNativeUntracked} {
		track := before(map[string][2]float64{"row/native": {100, 200}, "detail/native/direct_buffers": {90, grew}})
		a := Explain(Death{Time: end, PID: 7, KillsBefore: new(int64(0)), KillsAfter: new(int64(1))}, State{Last: container(nil), LastTime: end, Before: track})
		if a.Cause != want {
			t.Errorf("%v MiB: cause %s, want %s", grew-90, a.Cause, want)
		}
	}
}

// TestCauseWithoutLastReply: a detail that grew until the JVM did not answer any more is the cause
// of what its row gained after that.
func TestCauseWithoutLastReply(t *testing.T) {
	track := before(map[string][2]float64{"row/native": {20, 200}, "detail/native/direct_buffers": {10, 180}, "detail/native/untracked": {5, 10}})
	unknownIn(track, 10, len(track.Times), "detail/native/direct_buffers", "detail/native/untracked")
	a := Explain(Death{Time: end, PID: 7, KillsBefore: new(int64(0)), KillsAfter: new(int64(1))}, State{Last: container(nil), LastTime: end, Before: track})
	if a.Cause != rows.VerdictDirectBuffers {
		t.Errorf("cause %s: %s", a.Cause, a.Summary)
	}
}

// TestRestartBesideAnother: a JVM that ran beside the one that ended is not the next one.
func TestRestartBesideAnother(t *testing.T) {
	s, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	two := container(nil)
	two.JVMs = append(two.JVMs, breakdown.JVM{PID: 8, StartTicks: 100})
	a := Explain(Death{Time: end, PID: 7, StartTicks: 99}, State{Last: two, LastTime: end})
	if err := s.Add(&a); err != nil {
		t.Fatal(err)
	}
	one := container(nil)
	one.JVMs[0] = two.JVMs[1]
	for i, wanted := range []bool{false, true} {
		if err := s.Seen(end.Add(time.Minute), one); err != nil {
			t.Fatal(err)
		}
		if at := s.Report().Autopsies[0].RestartedAt; at != nil != wanted {
			t.Errorf("%d: restarted at %v", i, at)
		}
		one.JVMs = append(one.JVMs, breakdown.JVM{PID: 9, StartTicks: 700})
	}
}

// TestRestartOfNameless: without names and IDs only the cgroup distinguishes two containers.
func TestRestartOfNameless(t *testing.T) {
	s, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	nameless := func(cgroup string, pid int) *breakdown.Container {
		c := container(nil)
		c.Identity = rows.Identity{Cgroup: cgroup, CgroupVersion: 2}
		c.JVMs[0].PID = pid
		return c
	}
	a := Explain(Death{Time: end, PID: 7, StartTicks: 99}, State{Last: nameless("/one.service", 7), LastTime: end})
	if err := s.Add(&a); err != nil {
		t.Fatal(err)
	}
	restarted := func(c *breakdown.Container) *time.Time {
		t.Helper()
		if err := s.Seen(end.Add(time.Minute), c); err != nil {
			t.Fatal(err)
		}
		return s.Report().Autopsies[0].RestartedAt
	}
	if at := restarted(nameless("/two.service", 8)); at != nil {
		t.Errorf("a JVM of another container is taken for the restarted one: %v", at)
	}
	if at := restarted(nameless("/one.service", 9)); at == nil {
		t.Error("the restart is not noticed")
	}
}

// TestShortInterval: the size of an autopsy does not depend on the interval, and what it says
// comes from all that was sampled.
func TestShortInterval(t *testing.T) {
	const steps = 3000 // five minutes each 100 ms
	track := &history.Track{Series: map[string]*history.Column{history.JVMGeneration: {}, history.Unreclaimable: {}}}
	for i := range 90 {
		track.Series[fmt.Sprintf("row/series %d", i)] = &history.Column{}
	}
	track.Series["row/native"] = &history.Column{}
	for i := range steps {
		track.Times = append(track.Times, end.Add(-time.Duration(steps-i)*100*time.Millisecond).UnixMilli())
		for _, c := range track.Series {
			c.Last = append(c.Last, int64(i)*1_000_000)
		}
	}
	a := Explain(Death{Time: end, PID: 7, KillsBefore: new(int64(0)), KillsAfter: new(int64(1))}, State{Last: container(nil), LastTime: end, Before: track})
	if times := a.Before.Times; len(times) != lastSteps+stepsBefore || times[len(times)-1] != track.Times[steps-1] || times[0]-track.Times[0] > 10_000 {
		t.Errorf("%d steps from %d to %d", len(times), times[0], times[len(times)-1])
	}
	if a.GrewSeconds < 299 || a.Grew[0].Bytes != (steps-1)*1_000_000 {
		t.Errorf("grew %+v in %g s", a.Grew[:1], a.GrewSeconds)
	}
	var b bytes.Buffer
	if err := (&Report{Schema: Schema, Autopsies: []Autopsy{a}}).WriteJSON(&b); err != nil || b.Len() > 150<<10 {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
}

func TestText(t *testing.T) {
	a := Explain(Death{Time: end, PID: 7, KillsBefore: new(int64(0)), KillsAfter: new(int64(1)), Exit: signal(syscall.SIGKILL), Reading: reading(230, 256)},
		State{Last: container(nil), LastTime: end.Add(-400 * time.Millisecond), Before: before(map[string][2]float64{"row/native": {20, 160}, "detail/native/untracked": {5, 145}})})
	var b strings.Builder
	if err := (&Report{Schema: Schema, Autopsies: []Autopsy{a}}).WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2026-11-26T01:50:00Z", "OOM_KILL", "native memory leak", "at the memory limit of 256.0 MiB", "native           +140.0 MiB in 120 s", "last breakdown: 0.4 s before the end", "last reading of the cgroup: 0.05 s before the end"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, fmt.Sprint(b.String()))
		}
	}
}

// TestOpenIncident: an autopsy has the incident that was open, also one that had paused,
// and none that was closed.
func TestOpenIncident(t *testing.T) {
	threads := func(s diagnosis.State) diagnosis.Incident {
		return diagnosis.Incident{Verdict: rows.VerdictThreads, Subject: "leak-#", State: s, Since: end.Add(-time.Hour), LastGrowth: end.Add(-time.Minute), Measure: "threads", Gained: 83}
	}
	for state, open := range map[diagnosis.State]bool{diagnosis.Suspected: true, diagnosis.Confirmed: true, diagnosis.Paused: true, diagnosis.Closed: false} {
		closed := threads(diagnosis.Closed)
		closed.Subject = "closed before"
		opened := threads(state)
		opened.Gathered = &diagnosis.Gathered{Text: []string{"300 class loaders groovy"}}
		d := &diagnosis.Diagnosis{Verdict: rows.VerdictNone, Incidents: []diagnosis.Incident{closed, opened}}
		a := Explain(Death{Time: end, PID: 7}, State{Last: container(nil), LastTime: end, Diagnosis: d})
		if (a.Incident != nil) != open || open && a.Incident.Subject != "leak-#" {
			t.Errorf("%s: %+v", state, a.Incident)
		}
		text := new(strings.Builder)
		a.writeText(text)
		if strings.Contains(text.String(), "300 class loaders groovy") != open {
			t.Errorf("%s: evidence in %s", state, text)
		}
		if strings.Contains(text.String(), "open incident: thread leak (leak-#), "+string(state)+": gained 83 threads since 2026-11-26 00:50 UTC") != open {
			t.Errorf("%s: %s", state, text)
		}
	}
}

// TestDirectCause: the sentence has whose native memory leaked, and the line of code.
func TestDirectCause(t *testing.T) {
	since := end.Add(-time.Hour)
	owner := owners.Owner{Relation: owners.ReferredTo, Library: "libz.so.1.2.13", JavaClass: "java.util.zip.Deflater$DeflaterZStreamRef", Share: 0.97}
	line := cause.Cause{Line: cause.Line{Class: "com.acme.Zip", Method: "pack", File: "Zip.java", Line: 4}, Count: 40, Share: 1}
	d := &diagnosis.Diagnosis{Verdict: rows.VerdictNativeUntracked, Findings: []diagnosis.Finding{{Verdict: rows.VerdictNativeUntracked, Gathered: &diagnosis.Gathered{
		Owners: []*owners.Report{{Since: &since, Owners: []owners.Owner{owner}}},
		Causes: []*cause.Finding{{Kind: cause.Zip, Total: 40, Sampled: true, Causes: []cause.Cause{line}}},
	}}}}
	a := Explain(Death{Time: end, PID: 7, KillsBefore: new(int64(0)), KillsAfter: new(int64(1)), Exit: signal(syscall.SIGKILL), Reading: reading(230, 256)},
		State{Last: container(nil), LastTime: end, Diagnosis: d, Before: before(map[string][2]float64{"row/native": {20, 160}, "detail/native/untracked": {5, 145}})})
	const want = ", owned by libz (java.util.zip.Deflater), created by com.acme.Zip.pack(Zip.java:4), 40 of 40 sampled Deflaters and Inflaters that stay (100 %); in the last"
	if !strings.Contains(a.Summary, want) {
		t.Errorf("%s, want %s", a.Summary, want)
	}
}
