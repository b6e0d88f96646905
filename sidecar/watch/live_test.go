package watch

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// patience is far above what anything here takes.
const patience = 30 * time.Second

// subject is a JVM that grows, and what a sampler holds of it.
type subject struct {
	*jvmtest.JVM
	process *jvm.Process
	group   *cgroup.Group
	limit   int64
}

func start(t *testing.T, procfs string, limit int64) *subject {
	t.Helper()
	s := &subject{JVM: jvmtest.Start(t, jvmtest.Options{LimitBytes: limit, JVMFlags: []string{"-Xmx64m"}}), limit: limit}
	if procfs != "/proc" { // only this process, by a symbolic link
		if err := os.Symlink(fmt.Sprintf("/proc/%d", s.PID), filepath.Join(procfs, fmt.Sprint(s.PID))); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if s.process, err = jvm.Open(procfs, s.PID); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.process.Close() })
	if s.group, err = (cgroup.FS{}).Open(s.PID); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.group.Close() })
	return s
}

func (s *subject) target() Target {
	status := s.process.Status()
	return Target{PID: status.PID, StartTicks: status.StartTicks, Group: s.group, LimitBytes: &s.limit}
}

// sample does what the sampler does, at its cost, and returns that; ok: the JVM did
// not end meanwhile.
func (s *subject) sample(t *testing.T, w *Watcher) (took time.Duration, ok bool) {
	t.Helper()
	begun := time.Now()
	a, err := s.process.Query(t.Context())
	if err == nil {
		_, _, err = s.process.Resident(a)
	}
	m, memoryErr := s.group.Memory()
	took = time.Since(begun)
	follow(t, w, took, s)
	return took, err == nil && memoryErr == nil && number(m.Events.OOMKills) == "0"
}

func follow(t *testing.T, w *Watcher, took time.Duration, subjects ...*subject) {
	t.Helper()
	var targets []Target
	for _, s := range subjects {
		targets = append(targets, s.target())
	}
	if err := w.Follow(targets, took); err != nil {
		t.Error(err)
	}
}

func open(t *testing.T, procfs string) *Watcher {
	t.Helper()
	w := Start(procfs)
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// next returns the next event that is not urgent.
func next(t *testing.T, w *Watcher) Event {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e := <-w.Events():
			if !isUrgent(e) {
				return e
			}
		case <-deadline:
			t.Fatal("no event")
		}
	}
}

func none(t *testing.T, w *Watcher, within time.Duration) {
	t.Helper()
	select {
	case e := <-w.Events():
		t.Error(describe(e))
	case <-time.After(within):
	}
}

func describe(e Event) string {
	text, err := json.Marshal(e)
	return fmt.Sprintf("%T %s %v", e, text, err)
}

func number(p *int64) string {
	if p == nil {
		return "unknown"
	}
	return fmt.Sprint(*p)
}

func exit(e *Ended) string {
	switch {
	case e.Exit == nil:
		return "unknown"
	case e.Exit.Code != nil:
		return fmt.Sprint("code ", *e.Exit.Code)
	}
	return fmt.Sprint("signal ", int(*e.Exit.Signal))
}

// TestEnded lets JVMs end in every way.
func TestEnded(t *testing.T) {
	for _, tt := range []struct {
		name  string
		end   func(*subject)
		exit  string
		after string
	}{
		{"exit", func(s *subject) { s.Send("exit") }, "code 0", "0"},
		{"SIGTERM", func(s *subject) { _ = syscall.Kill(s.PID, syscall.SIGTERM) }, "code 143", "0"},
		{"SIGKILL", func(s *subject) { _ = syscall.Kill(s.PID, syscall.SIGKILL) }, "signal 9", "0"},
		{"OOM kill", func(s *subject) { s.Send("unsafe 1000") }, "signal 9", "1"},
	} {
		for _, without := range []string{"", "pidfd", "cgroup"} {
			t.Run(strings.TrimSuffix(tt.name+" without "+without, " without "), func(t *testing.T) {
				procfs := "/proc"
				if without == "pidfd" {
					procfs = t.TempDir()
				}
				s := start(t, procfs, 128<<20)
				target := s.target()
				if without == "cgroup" {
					target.Group = nil
				}
				w := open(t, procfs)
				if err := w.Follow([]Target{target}, 0); err != nil {
					t.Fatal(err)
				}
				none(t, w, 300*time.Millisecond)
				began := time.Now()
				tt.end(s)
				e, ok := next(t, w).(*Ended)
				if !ok || e.PID != s.PID || e.StartTicks != s.process.Status().StartTicks || e.Time.Before(began) || e.FinalCounters == nil || e.FinalCounters.ThreadsLive == nil {
					t.Fatal(describe(e))
				}
				before, after, status := "0", tt.after, tt.exit
				if without == "pidfd" || !jvmtest.KernelAtLeast(t, 6, 15) {
					if exit(e) == "unknown" { // reaped before it could be read
						status = "unknown"
					}
				}
				switch without {
				case "cgroup":
					before, after = "unknown", "unknown"
					if e.Last != nil || e.Path != (cgroup.Path{}) {
						t.Error(describe(e))
					}
				default:
					if e.Last == nil || e.Last.Time.After(e.Time) || e.Last.UsageBytes < 16<<20 || e.Last.UsageBytes > 128<<20 || e.Path != s.group.Path {
						t.Error(describe(e))
					}
				}
				if got := number(e.KillsBefore); got != before {
					t.Errorf("%s kills before, want %s", got, before)
				}
				if got := number(e.KillsAfter); got != after {
					t.Errorf("%s kills after, want %s", got, after)
				}
				if got := exit(e); got != status {
					t.Errorf("%s, want %s", got, status)
				}
				// The sampler may not know yet.
				if err := w.Follow([]Target{target}, 0); err != nil {
					t.Error(err)
				}
				none(t, w, 50*time.Millisecond)
			})
		}
	}
}

// TestFastKill grows by some 500 MB/s until the OOM kill. The sampler samples
// on request, and the cgroup is removed as fast as a runtime does it.
func TestFastKill(t *testing.T) {
	t.Logf("%6s %8s %12s %12s %12s %12s %5s", "kills", "samples", "sampled in", "last sample", "last reading", "detected by", "MB/s")
	for range 3 {
		s := start(t, "/proc", 512<<20)
		w := open(t, "/proc")
		s.sample(t, w)
		sampled, samples := time.Now(), 0
		took, _ := s.sample(t, w) // as cheap as all but the first
		began := time.Now()
		removed := make(chan struct{})
		go func() {
			defer close(removed)
			<-s.Exited()
			time.Sleep(5 * time.Millisecond)
			_ = os.Remove(s.CgroupDir()) // what is left is removed at the end
		}()
		s.Send("unsafe 4000 4096")
		deadline := time.After(patience)
		for done := false; !done; {
			select {
			case e := <-w.Events():
				switch e := e.(type) {
				case *Urgent:
					begun := time.Now()
					if cost, ok := s.sample(t, w); ok {
						sampled, samples, took = begun, samples+1, cost
					}
				case *Ended:
					done = true
					age := e.Time.Sub(sampled)
					t.Logf("%2s->%2s %8d %12v %12v %12v %10d %% %5d", number(e.KillsBefore), number(e.KillsAfter), samples, took.Round(time.Millisecond),
						age.Round(time.Millisecond), e.Time.Sub(e.Last.Time).Round(time.Millisecond), 100*e.Last.UsageBytes/s.limit, s.limit/e.Time.Sub(began).Microseconds())
					if number(e.KillsBefore) != "0" || number(e.KillsAfter) == "0" {
						t.Error(describe(e))
					}
					// The age of the last one is logged above: some 0.2 s where the test is alone. A
					// JVM that the kernel reclaims from may keep it waiting.
					if samples == 0 {
						t.Error("nothing was urgent")
					}
				default:
					t.Fatal(describe(e))
				}
			case <-deadline:
				t.Fatal("no end")
			}
		}
		<-removed
	}
}

// TestKilledChild: the largest process is OOM killed, and the JVM keeps running.
func TestKilledChild(t *testing.T) {
	s := start(t, "/proc", 192<<20)
	w := open(t, "/proc")
	follow(t, w, 0, s)
	s.Send("child 400")
	e, ok := next(t, w).(*Killed)
	if !ok || e.KillsBefore != 0 || e.KillsAfter != 1 || e.Path != s.group.Path || e.Last == nil || e.Last.UsageBytes > 192<<20 || time.Since(e.Time) < killGrace {
		t.Fatal(describe(e))
	}
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if e, ok := next(t, w).(*Ended); !ok || number(e.KillsBefore) != "1" || number(e.KillsAfter) != "1" {
		t.Error(describe(e))
	}
}

// TestEndsTogether: what ended is kept for a reader that is busy, and what the
// sampler no longer names is watched on, since it may be about to end.
func TestEndsTogether(t *testing.T) {
	var all []*subject
	for range 3 {
		all = append(all, start(t, "/proc", 0))
	}
	w := open(t, "/proc")
	follow(t, w, 0, all...)
	follow(t, w, 0, all[1:]...)
	for _, s := range all {
		if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-s.Exited()
	}
	follow(t, w, 0)
	var pids []int
	for range all {
		if e, ok := next(t, w).(*Ended); ok {
			pids = append(pids, e.PID)
		}
	}
	slices.Sort(pids)
	want := []int{all[0].PID, all[1].PID, all[2].PID}
	slices.Sort(want)
	if !slices.Equal(pids, want) {
		t.Errorf("ended %v, want %v", pids, want)
	}
	// One that ended before it could be watched did end.
	late := start(t, "/proc", 0)
	if err := syscall.Kill(late.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-late.Exited()
	if err := os.Remove(late.CgroupDir()); err != nil {
		t.Fatal(err)
	}
	follow(t, w, 0, late)
	if e, ok := next(t, w).(*Ended); !ok || e.PID != late.PID || e.Exit != nil || e.KillsAfter != nil {
		t.Error(describe(e))
	}
	follow(t, w, 0, late)
	none(t, w, 50*time.Millisecond)
}

// TestNothingIsLeft counts descriptors and goroutines.
func TestNothingIsLeft(t *testing.T) {
	s := start(t, "/proc", 256<<20)
	gone := start(t, "/proc", 256<<20)
	use := func() {
		w := Start("/proc")
		follow(t, w, 0, s, gone)
		follow(t, w, 0, s)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if e, open := <-w.Events(); open {
			t.Error(describe(e))
		}
		if err := w.Follow([]Target{s.target()}, 0); err != nil { // too late
			t.Error(err)
		}
	}
	use() // pathrs keeps a handle of /proc from its first use on
	files, goroutines := descriptors(t), runtime.NumGoroutine()
	for range 10 {
		use()
	}
	if now := descriptors(t); now > files {
		t.Errorf("%d descriptors, then %d", files, now)
	}
	for end := time.Now().Add(patience); runtime.NumGoroutine() > goroutines && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("%d goroutines, then %d", goroutines, now)
	}
	// Also those of a JVM that ended, of the watcher that keeps running.
	w := open(t, "/proc")
	follow(t, w, 0, s)
	files = descriptors(t)
	follow(t, w, 0, s, gone)
	if err := syscall.Kill(gone.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	next(t, w)
	for end := time.Now().Add(patience); descriptors(t) > files && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if now := descriptors(t); now > files {
		t.Errorf("%d descriptors, and %d after the end of a JVM", files, now)
	}
}

// descriptors counts all but the pipes, which the JVMs' are.
func descriptors(t *testing.T) int {
	t.Helper()
	names, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range names {
		if target, err := os.Readlink(name); err == nil && !strings.HasPrefix(target, "pipe:") {
			n++
		}
	}
	return n
}

// BenchmarkIdle measures the cost of watching an idle JVM for a second.
func BenchmarkIdle(b *testing.B) {
	j := jvmtest.Start(b, jvmtest.Options{LimitBytes: 256 << 20})
	p, err := jvm.Open("/proc", j.PID)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	g, err := (cgroup.FS{}).Open(j.PID)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	w := Start("/proc")
	defer w.Close()
	if err := w.Follow([]Target{{PID: j.PID, StartTicks: p.Status().StartTicks, Group: g, LimitBytes: new(int64(256 << 20))}}, 0); err != nil {
		b.Fatal(err)
	}
	usage := func() (cpu time.Duration, switches int64) {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano()), r.Nvcsw
	}
	cpu, switches := usage()
	for b.Loop() {
		time.Sleep(time.Second)
	}
	cpuAfter, switchesAfter := usage()
	b.ReportMetric(float64((cpuAfter-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(switchesAfter-switches)/float64(b.N), "wake-ups/op")
}
