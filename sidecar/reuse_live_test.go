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
	"github.com/jvmem/jvmem/sidecar/breakdown"
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
	// A JVM that still starts grows while it is read: its first samples leave more than the charge
	// stock unattributed. Rows that are partly the first's would, in each sample.
	stock := int64(2 * 64 * os.Getpagesize() * runtime.NumCPU())
	var after breakdown.Container
	s.await(t, fmt.Sprintf("the second, with no more than %d KiB unattributed", stock>>10), func() bool {
		r := s.latest(t)
		if len(r.Containers) != 1 {
			return false
		}
		after = r.Containers[0]
		return after.Cgroup != before.Cgroup && *after.LimitBytes == 200*mib && max(*after.UnattributedBytes, -*after.UnattributedBytes) <= stock
	})
	if was, is := before.JVMs[0], after.JVMs[0]; is.PID != was.PID || is.StartTicks == was.StartTicks {
		t.Errorf("first %d of %d, second %d of %d", was.PID, was.StartTicks, is.PID, is.StartTicks)
	}
	if !slices.ContainsFunc(after.Sources, func(s jvm.Source) bool { return s.Name == jvm.SourceAttach && s.OK }) {
		t.Errorf("attach to the second: %+v", after.Sources)
	}
	checkSum(t, "second", &after)
	a := s.awaitAutopsy(t)
	if a.PID != first.PID || a.StartTicks != before.JVMs[0].StartTicks || a.Last == nil || a.Last.Cgroup != before.Cgroup {
		t.Errorf("autopsy %s of PID %d, %d", a.Kind, a.PID, a.StartTicks)
	}
}
