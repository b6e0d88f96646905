package sidecar

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/sample"
)

// TestServePID: of two JVMs only the one that was named is observed, also its restarts by
// no other.
func TestServePID(t *testing.T) {
	one := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 * mib})
	other := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 * mib})
	s := serveFor(t, ServeOptions{Options: sample.Options{PID: one.PID}, Interval: 100 * time.Millisecond}, one, other)
	first := s.latest(t)
	s.await(t, "another sample", func() bool { return s.latest(t).Time.After(first.Time) })
	if r := s.latest(t); len(r.Containers) != 1 || len(r.Containers[0].JVMs) != 1 || r.Containers[0].JVMs[0].PID != one.PID || r.Containers[0].Name != "app" {
		t.Errorf("%+v", r.Containers)
	}
	one.Send("exit")
	if a := s.awaitAutopsy(t); a.PID != one.PID {
		t.Errorf("autopsy of %d", a.PID)
	}
	s.await(t, "the end is reported", func() bool { r := s.latest(t); return len(r.Containers) == 0 && len(r.Sources) == 1 })
}

// TestHungJVMDelaysNobody: while a JVM does not answer, the memory of another one rises.
// The sample for that is published before the reading of the first has ended.
func TestHungJVMDelaysNobody(t *testing.T) {
	hung := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 * mib})
	growing := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 * mib})
	s := serveFor(t, ServeOptions{Interval: time.Hour}, hung, growing)
	of := func(r *breakdown.Report, pid int) *breakdown.Container {
		for i := range r.Containers {
			if r.Containers[i].JVMs[0].PID == pid {
				return &r.Containers[i]
			}
		}
		return nil
	}
	s.await(t, "both are read", func() bool {
		r := s.latest(t)
		return of(&r, hung.PID) != nil && of(&r, growing.PID) != nil
	})
	before := s.latest(t)
	usage := *of(&before, growing.PID).UsageBytes
	conn, err := net.Dial("unix", fmt.Sprintf("/tmp/.java_pid%d", hung.PID)) // HotSpot answers no other client now
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for grown, tries := int64(0), 1; ; tries++ {
		growing.Do("unsafe 20")
		grown += 20 * mib
		var r breakdown.Report
		s.await(t, "the growth is reported", func() bool {
			r = s.latest(t)
			return *of(&r, growing.PID).UsageBytes > usage+grown-mib
		})
		if is := of(&r, hung.PID); is.ReadAt != nil {
			break // the reading that began before has not ended
		} else if tries == 5 {
			t.Fatalf("each time the hung JVM was waited for: %+v", is.Sources)
		}
	}
	s.await(t, "the hung JVM is read without its answer", func() bool {
		r := s.latest(t)
		is := of(&r, hung.PID)
		return is.ReadAt == nil && r.Time.After(before.Time)
	})
}
