package jvm

import (
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/proc"
)

// TestLightReading: it reports what Query reports, it allocates nothing, and of a
// JVM that ended it knows no threads.
func TestLightReading(t *testing.T) {
	t.Run("file", func(t *testing.T) { testLightReading(t, "-XX:-PerfDisableSharedMem") })
	t.Run("memory", func(t *testing.T) { testLightReading(t, "-XX:+PerfDisableSharedMem") })
}

func testLightReading(t *testing.T, flag string) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m", flag}})
	p, err := Open("/proc", j.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	g, err := p.LightReading()
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	g.Read()
	if _, ok := g.Classes(); ok {
		t.Error("classes are known before a query has found the counters")
	}
	for _, do := range []string{"gc", "threads 300 64", "gc"} {
		j.Do(do)
		a, err := p.Query(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f := &a.Facts
		g.Read()
		if n, ok := g.Classes(); !ok || n != *f.Classes {
			t.Errorf("after %s: %d classes (%v), want %d", do, n, ok, *f.Classes)
		}
		if n, ok := g.OldUsedBytes(); !ok || n != f.Old.UsedBytes {
			t.Errorf("after %s: %d bytes of the old generation (%v), want %d", do, n, ok, f.Old.UsedBytes)
		}
		if n, ok := g.OldCollections(); !ok || n != *f.Old.Collections {
			t.Errorf("after %s: %d collections (%v), want %d", do, n, ok, *f.Old.Collections)
		}
		status, err := proc.ReadStatus("/proc", j.PID)
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := g.Threads(); !ok || n != int64(status.Threads) {
			t.Errorf("after %s: %d threads (%v), want %d", do, n, ok, status.Threads)
		}
	}
	if allocs := testing.AllocsPerRun(100, func() {
		g.Read()
		g.Threads()
		g.Classes()
		g.OldUsedBytes()
		g.OldCollections()
	}); allocs > 0 {
		t.Errorf("a reading allocates %v times", allocs)
	}
	j.Send("exit")
	<-j.Exited()
	if n, ok := g.Threads(); ok {
		t.Errorf("%d threads of a JVM that ended", n)
	}
}
