package sample

import (
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
)

// TestReadings: a value read between two samples is that of the next sample, nothing
// is allocated for it, and what is gone is not known.
func TestReadings(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{LimitBytes: 256 * mib, JVMFlags: []string{"-Xmx64m"}})
	s := New(Options{Proc: "/proc", PID: j.PID})
	defer s.Close()
	h, err := history.Open(history.Options{Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var latest breakdown.Report
	sample := func() *history.Container {
		t.Helper()
		r, err := s.Sample(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		latest = r
		if err := h.Add(&r); err != nil {
			t.Fatal(err)
		}
		return h.Document(time.Time{}, 0).Containers[0]
	}
	sample()
	j.Do("unsafe 32")
	j.Do("threads 40 8")
	j.Do("gc")
	if err := s.Record(h, &latest); err != nil {
		t.Fatal(err)
	}
	noted := h.Document(time.Time{}, 0).Containers[0]
	sampled := sample()
	for name, slack := range map[string]int64{
		history.Usage: mib, history.WorkingSet: mib, history.Reclaimable: mib, history.Unreclaimable: mib,
		history.Limit: 0, history.OOMKills: 0, history.Threads: 0, history.Classes: 0, history.OldUsed: 0, history.OldCollections: 0, history.CPUMillis: 1000, history.GCMillis: 1,
		history.RefaultBytes: mib, history.MajorFaults: 100,
	} {
		is, want := noted.Latest(name), sampled.Latest(name)
		if is == nil || want == nil || max(*is-*want, *want-*is) > slack {
			t.Errorf("%s: %v, a sample says %v", name, is, want)
		}
	}
	if noted.Latest(history.JVMGeneration) != nil || noted.Latest(history.Row("heap")) != nil {
		t.Error("it is taken for a sample")
	}
	if allocs := testing.AllocsPerRun(100, func() {
		for _, c := range s.containers {
			if err := c.readLight(); err != nil || len(c.light.names) < 10 {
				t.Errorf("%v, %v", c.light.names, err)
			}
		}
	}); allocs > 0 {
		t.Errorf("a reading allocates %v times", allocs)
	}
	j.Send("exit")
	<-j.Exited()
	if err := s.Record(h, &latest); err != nil {
		t.Fatal(err)
	}
	if threads := h.Document(time.Time{}, 0).Containers[0].Latest(history.Threads); threads != nil {
		t.Errorf("%d threads of a JVM that ended", *threads)
	}
}

// TestStill: what a sample would show anew makes it necessary, however little a JVM holds.
func TestStill(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{LimitBytes: 256 * mib, JVMFlags: []string{"-Xmx32m", "-Xms32m", "-XX:+AlwaysPreTouch", "-Xint"}})
	s := New(Options{Proc: "/proc", PID: j.PID, Patience: time.Minute})
	defer s.Close()
	var latest breakdown.Report
	sample := func() {
		t.Helper()
		var err error
		if latest, err = s.Sample(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range []string{"unsafe 2", "threads 1 8", "gc"} {
		for sample(); !s.Still(&latest); { // it may have moved by itself
			sample()
		}
		j.Do(command)
		if s.Still(&latest) {
			t.Errorf("still after %q", command)
		}
	}
	j.Send("exit")
	<-j.Exited()
	if s.Still(&latest) {
		t.Error("still although it has ended")
	}
}

func BenchmarkReadings(b *testing.B) {
	j := jvmtest.Start(b, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}})
	s := New(Options{Proc: "/proc", PID: j.PID})
	defer s.Close()
	r, err := s.Sample(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	h, err := history.Open(history.Options{Retention: time.Hour})
	if err == nil {
		err = h.Add(&r)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Record(h, &r); err != nil {
			b.Fatal(err)
		}
	}
}
