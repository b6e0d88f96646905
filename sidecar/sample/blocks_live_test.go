package sample

import (
	"slices"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// TestWalk: malloc's blocks are walked through between two samples, and where nothing moved
// not again.
func TestWalk(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m", "-Xint", "-XX:+UseSerialGC", "-XX:NativeMemoryTracking=summary"}, LimitBytes: 256 * mib})
	s := New(Options{Proc: jvmtest.NewPodProc(t, j.PID).Dir(), Patience: time.Minute})
	defer s.Close()
	walked := func() bool {
		c := sample(t, s)
		checkSum(t, "walk", &c)
		return slices.ContainsFunc(c.Sources, func(s jvm.Source) bool { return s.Name == jvm.SourceBlocks && s.OK })
	}
	s.Walk() // of nothing
	if walked() {
		t.Error("the blocks were walked through in the sample")
	}
	<-s.Late() // that sample
	for range 2 {
		s.Walk()
		<-s.Late()
		if report, ok := s.TakeLate(); ok {
			t.Errorf("a report after the walk: %+v", report)
		}
		if s.Deferred() <= 0 || s.Deferred() != 0 {
			t.Error("the CPU time of the walk is not reported once")
		}
		if !walked() {
			t.Error("no source for the walk")
		}
		<-s.Late()
		j.Do("unsafe 8")
		before := sample(t, s)
		<-s.Late()
		direct := func(c *breakdown.Container) int64 {
			for _, d := range c.Row("native").Detail {
				if d.Name == "direct_buffers" {
					return *d.Bytes
				}
			}
			return 0
		}
		if got := direct(&before); got < 8*mib {
			t.Errorf("direct buffers have %d bytes before the next walk", got)
		}
		j.Do("deflaters 40") // NMT does not report them
		sample(t, s)
		<-s.Late()
	}
	s.Walk()
	<-s.Late()
	s.TakeLate()
	sample(t, s)
	<-s.Late()
	if s.Walk(); len(s.containers) != 1 {
		t.Errorf("%d containers", len(s.containers))
	}
	for _, c := range s.containers {
		if c.busy() {
			t.Error("the blocks are walked through again, although nothing moved")
		}
	}
}
