package sidecar

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestManyMappings: jvmem stays small beside a JVM that maps tens of thousands of files, whose
// mappings VM.info repeats.
func TestManyMappings(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m", "-XX:+UseSerialGC", "-XX:NativeMemoryTracking=summary"}})
	j.Do("mappings " + filepath.Join(t.TempDir(), "mapped") + " 60000")
	s := startCommand(t, nil, "--proc", jvmtest.NewPodProc(t, j.PID).Dir())
	s.await(t, "it listens", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		return err == nil && conn.Close() == nil
	})
	s.await(t, "the first sample", func() bool { return s.get(t, "/readyz") == "ok\n" })
	for range 10 {
		last := s.latest(t).Time
		s.await(t, "another sample", func() bool {
			r := s.latest(t)
			return r.Time.After(last) && len(r.Containers) == 1 && r.Containers[0].Complete()
		})
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	if err != nil {
		t.Fatal(err)
	}
	peak, err := strconv.Atoi(string(regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)[1]))
	if err != nil || peak > 24<<10 {
		t.Errorf("peak of %d KiB, %v", peak, err)
	}
}
