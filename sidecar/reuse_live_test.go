package sidecar

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestPIDUsedAgain: a JVM is killed, and another one gets its PID before the next sample,
// and finds its attach socket. It is reported as another one, and the end of the first too.
func TestPIDUsedAgain(t *testing.T) {
	if !jvmtest.InPod(t) {
		return
	}
	first := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 * mib})
	s := serveProc(t, "/proc", ServeOptions{Interval: 100 * time.Millisecond})
	before := s.latest(t).Containers[0]
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-first.Exited()
	var second *jvmtest.JVM
	for tries := 1; second == nil; tries++ {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(fmt.Sprint(first.PID-1)), 0); err != nil {
			t.Fatal(err)
		}
		second = jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 200 * mib})
		if second.PID == first.PID {
			break
		}
		if tries == 20 { // a thread took it, each time
			t.Fatalf("PID %d is not given again", first.PID)
		}
		if err := syscall.Kill(second.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-second.Exited()
		second = nil
	}
	s.await(t, "the second", func() bool {
		r := s.latest(t)
		return len(r.Containers) == 1 && r.Containers[0].Cgroup != before.Cgroup && *r.Containers[0].LimitBytes == 200*mib
	})
	after := s.latest(t).Containers[0]
	if was, is := before.JVMs[0], after.JVMs[0]; is.PID != was.PID || is.StartTicks == was.StartTicks {
		t.Errorf("first %d of %d, second %d of %d", was.PID, was.StartTicks, is.PID, is.StartTicks)
	}
	if !slices.ContainsFunc(after.Sources, func(s jvm.Source) bool { return s.Name == jvm.SourceAttach && s.OK }) {
		t.Errorf("attach to the second: %+v", after.Sources)
	}
	checkSum(t, "second", &after)
	stock := int64(2 * 64 * os.Getpagesize() * runtime.NumCPU())
	if rest := *after.UnattributedBytes; rest > stock || rest < -stock {
		t.Errorf("second: %d KiB unattributed, want no more than %d", rest>>10, stock>>10)
	}
	a := s.awaitAutopsy(t)
	if a.PID != first.PID || a.StartTicks != before.JVMs[0].StartTicks || a.Last == nil || a.Last.Cgroup != before.Cgroup {
		t.Errorf("autopsy %s of PID %d, %d", a.Kind, a.PID, a.StartTicks)
	}
}
