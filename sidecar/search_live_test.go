package sidecar

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// TestSearch: a JVM that starts after the sidecar, and one that replaces it, are read at
// once, although --max-cpu allows no sample. Nobody is warned of the wait.
func TestSearch(t *testing.T) {
	start := func() *jvmtest.JVM {
		return jvmtest.Start(t, jvmtest.Options{LimitBytes: 256 * mib, JVMFlags: []string{"-Xmx32m"}})
	}
	proc := jvmtest.NewPodProc(t)
	s := startServe(t, proc.Dir(), ServeOptions{Interval: 2 * time.Second, MaxCPU: 1e-8})
	s.await(t, "it is ready", func() bool { return s.get(t, "/readyz") == "ok\n" })
	first := start()
	proc.Show(first.PID)
	s.awaitComplete(t, first.PID)
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-first.Exited()
	s.await(t, "the end is seen", func() bool { return !strings.Contains(s.get(t, "/breakdown"), `"jvms"`) })
	second := start()
	proc.Show(second.PID)
	s.awaitComplete(t, second.PID)
	for _, line := range s.log.of(t, "jvmem.log") {
		if line["log.level"] != "info" && !strings.Contains(line["message"].(string), "--max-cpu") {
			t.Errorf("logged: %v", line["message"])
		}
	}
}

// awaitComplete waits until a JVM is reported, with all rows.
func (s *served) awaitComplete(t *testing.T, pid int) {
	t.Helper()
	s.await(t, "the JVM is read", func() bool {
		var r breakdown.Report
		s.decode(t, "/breakdown", &r)
		return len(r.Containers) == 1 && r.Containers[0].JVMs[0].PID == pid && r.Complete()
	})
}

// TestResize: a new limit is known within an interval, also to the rows and to metrics,
// although --max-cpu allows no sample.
func TestResize(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{LimitBytes: 256 * mib, JVMFlags: []string{"-Xmx32m"}})
	s := serveFor(t, ServeOptions{Interval: 200 * time.Millisecond, MaxCPU: 1e-8}, j)
	limit := "memory.max"
	if j.CgroupVersion() == 1 {
		limit = "memory.limit_in_bytes"
	}
	file, err := os.OpenFile(filepath.Join(j.CgroupDir(), limit), os.O_WRONLY, 0)
	if err == nil {
		_, err = file.WriteString(strconv.Itoa(192 * mib))
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	s.await(t, "the new limit is shown", func() bool {
		return strings.Contains(s.get(t, "/metrics"), "\njvmem_container_limit_bytes{container=\"app\"} 2.01326592e+08\n")
	})
	if text := s.get(t, "/breakdown?format=text"); !strings.Contains(text, "limit 192.0 MiB") || !strings.Contains(text, "rows of ") {
		t.Error(text)
	}
}
