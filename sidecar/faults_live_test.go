package sidecar

import (
	"encoding/json"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
)

// latest returns the breakdown that is shown.
func (s *served) latest(t *testing.T) (r breakdown.Report) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.get(t, "/breakdown")), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestEndDuringSample: while a JVM does not answer, jvmem ends in time, and the last
// sample is in the state folder.
func TestEndDuringSample(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 * mib})
	dir := t.TempDir()
	s := serveFor(t, ServeOptions{Interval: 100 * time.Millisecond, StateDir: dir}, j)
	// HotSpot answers one client after the other: it now waits for this one.
	hung, err := net.Dial("unix", fmt.Sprintf("/tmp/.java_pid%d", j.PID))
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	var last time.Time // of a report for which the container was read
	s.await(t, "a reading waits for the JVM", func() bool {
		r := s.latest(t)
		if len(r.Containers) == 1 && r.Containers[0].ReadAt == nil {
			last = r.Time
			return false
		}
		return len(r.Containers) == 1
	})
	if err := syscall.Kill(j.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(j.PID, syscall.SIGCONT)
	begun := time.Now()
	s.end()
	if took := time.Since(begun); jvmtest.Exceeds(t, took, 2*time.Second) {
		t.Errorf("it took %s to end", took)
	}
	kept, err := history.Open(history.Options{Retention: time.Hour, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range kept.Document(time.Time{}, 0).Containers {
		if at, ok := c.LastTime(); ok && !at.Before(last.Truncate(time.Millisecond)) {
			return
		}
	}
	t.Errorf("the sample of %s is not in the state folder", last)
}
