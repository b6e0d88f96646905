package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/pod"
	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/e2e/trial"
)

// faults are scenarios that change the machine, so they run in a guest only.
var faults = map[string]func(*testing.T, engine, string){
	"clock set":      testClockSet,
	"controller off": testControllerOff,
}

// testControllerOff disables the memory controller of a running container and enables it
// again: unknown values are null, with a reason, and return afterwards.
func testControllerOff(t *testing.T, e engine, jdk string) {
	p := startPod(t, e, pod.Options{})
	s := p.startSidecar(user)
	w := p.startJVM(jvmOptions{jdk: jdk, flags: append(trial.JVMFlags("G1", "summary"), "-XX:MaxDirectMemorySize=4g")})
	s.awaitJVMs(w)
	dir, err := e.CgroupDir(t.Context(), w.id)
	if err != nil {
		t.Fatal(err)
	}
	control := func(word string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "cgroup.subtree_control"), []byte(word), 0); err != nil {
			t.Fatal(err)
		}
	}
	off := func(b *sidecar.Breakdown) bool { return len(b.Containers) == 1 && b.Containers[0].UsageBytes == nil }
	on := func(b *sidecar.Breakdown) bool { return len(b.Containers) == 1 && b.Containers[0].UsageBytes != nil }
	for range 2 {
		control("-memory")
		r := s.AwaitBreakdown("usage unknown", off)
		c := r.Only(t)
		if len(c.JVMs) != 1 || c.UnattributedBytes != nil || c.LimitBytes != nil || !sidecar.Explained(c.Sources, "+memory in cgroup.subtree_control") {
			t.Errorf("without the controller: %v, %+v", c, c.Sources)
		}
		if heap := c.Row("heap"); heap.Bytes == nil || *heap.Bytes == 0 {
			t.Error("without the controller the heap is null, although its pages can be counted")
		}
		control("+memory")
		// The new cgroup has no limit, and only memory touched from now on is charged to it.
		r = s.AwaitBreakdown("usage known again", on)
		back := r.Only(t)
		if len(back.JVMs) != 1 || back.UnattributedBytes == nil || back.OOMKills == nil || sidecar.Explained(back.Sources, "controller") {
			t.Errorf("with the controller again: %v, %+v", back, back.Sources)
		}
		before := *back.UsageBytes
		w.do("direct 32")
		if after := s.NextBreakdown().Containers[0].UsageBytes; after == nil || abs(*after-before-32*mib) > 4*mib {
			t.Errorf("32 MiB took usage from %d to %v", before, after)
		}
	}
	// OOM kills must be detected again, too. Their number is unknown if the watcher has not opened
	// the files again, which it tries each 3 s.
	if err := os.WriteFile(filepath.Join(dir, "memory.max"), []byte("268435456"), 0); err != nil {
		t.Fatal(err)
	}
	w.fill(kills[0], fast)
	if a := s.awaitAutopsy(w.id); a.Kind != "oom_kill" || a.OOMKills != nil && *a.OOMKills < 1 {
		t.Errorf("the autopsy of a kill afterwards: %+v", a)
	}
}

// testClockSet sets the clock of the guest forward by a day and back: the history has no
// gap of a day, and sampling continues.
func testClockSet(t *testing.T, e engine, jdk string) {
	p := startPod(t, e, pod.Options{})
	s := p.startSidecar(user)
	s.awaitJVMs(p.startJVM(jvmOptions{jdk: jdk, flags: trial.JVMFlags("G1", "summary")}))
	for _, by := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		s.NextBreakdown()
		before := s.sampleTimes()
		now := syscall.NsecToTimeval(time.Now().Add(by).UnixNano())
		if err := syscall.Settimeofday(&now); err != nil {
			t.Fatal(err)
		}
		s.AwaitBreakdown("a sample with the new clock", func(b *sidecar.Breakdown) bool { return time.Since(b.Time).Abs() < time.Hour })
		after := s.sampleTimes()
		if len(after) <= len(before) || !slices.IsSorted(after) {
			t.Errorf("by %s: %d times before, %v after", by, len(before), after)
		}
		for i := 1; i < len(after); i++ {
			if after[i]-after[i-1] > time.Minute.Milliseconds() {
				t.Errorf("by %s: %d ms between two samples", by, after[i]-after[i-1])
			}
		}
		if age := time.Since(time.UnixMilli(after[len(after)-1])); age.Abs() > time.Minute {
			t.Errorf("by %s: the last sample is %s old", by, age)
		}
		if _, err := s.Get("/healthz"); err != nil {
			t.Errorf("by %s: %v", by, err)
		}
	}
}
