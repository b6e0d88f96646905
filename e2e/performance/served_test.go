package performance

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// readyTimeout is how long the first sample may take.
const readyTimeout = time.Minute

// served is a running jvmem serve.
type served struct {
	cmd    *exec.Cmd
	url    string
	said   bytes.Buffer  // may be read when it has ended
	exited chan struct{} // closed then
}

// serve starts the binary and returns when the first sample has been taken. What it
// logs goes through a pipe, as in a pod.
func serve(t *testing.T, args ...string) *served {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s := &served{url: "http://" + address, exited: make(chan struct{})}
	s.cmd = exec.Command(*binary, append([]string{"serve", "--listen", address, "--container-name", "app"}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = io.Discard, &s.said
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // how it ended is in ProcessState
		close(s.exited)
	}()
	t.Cleanup(func() { s.stop(t, syscall.SIGTERM) })
	for end := time.Now().Add(readyTimeout); ; time.Sleep(20 * time.Millisecond) {
		response, err := http.Get(s.url + "/readyz")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				http.DefaultClient.CloseIdleConnections() // each would be two goroutines of the server
				return s
			}
		}
		if time.Now().After(end) {
			s.stop(t, syscall.SIGKILL)
			t.Fatalf("jvmem is not ready: %v\n%s", err, s.said.String())
		}
	}
}

// stop ends it, unless it has ended, and returns what it said on stderr.
func (s *served) stop(t *testing.T, signal syscall.Signal) string {
	t.Helper()
	select {
	case <-s.exited:
		return s.said.String()
	default:
	}
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Error(err)
	}
	<-s.exited
	if signal == syscall.SIGTERM && !s.cmd.ProcessState.Success() {
		t.Errorf("jvmem ended with %v: %s", s.cmd.ProcessState, s.said.String())
	}
	return s.said.String()
}

// goroutines ends it and counts in what Go's runtime says at SIGQUIT: there is no
// other way to ask.
func (s *served) goroutines(t *testing.T) int {
	t.Helper()
	return strings.Count(s.stop(t, syscall.SIGQUIT), "\ngoroutine ")
}

// knows says whether the binary has a flag.
func knows(t *testing.T, flag string) bool {
	t.Helper()
	help, err := exec.Command(*binary, "serve", "--help").CombinedOutput()
	if err != nil && len(help) == 0 {
		t.Fatal(err)
	}
	return slices.Contains(strings.Fields(string(help)), flag)
}

// unlimited are the flags that let it sample as often as it is told.
func unlimited(t *testing.T) []string {
	t.Helper()
	if knows(t, "--max-cpu") {
		return []string{"--max-cpu", "0"}
	}
	return nil // the limit came later
}

// usage is what a process has at a moment.
type usage struct {
	at                      time.Duration // since the first
	rssMiB, anonMiB, pssMiB float64
	descriptors, threads    float64
	cpuSeconds              float64
	peakMiB                 float64
}

func (s *served) usage(t *testing.T, begun time.Time) usage {
	t.Helper()
	pid := s.cmd.Process.Pid
	select {
	case <-s.exited:
		t.Fatalf("jvmem has ended: %v\n%s", s.cmd.ProcessState, s.said.String())
	default:
	}
	count := func(dir string) float64 {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/%s", pid, dir))
		if err != nil {
			t.Fatal(err)
		}
		return float64(len(entries))
	}
	rollup := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
	return usage{
		at: time.Since(begun), rssMiB: fileMiB(t, rollup, "Rss"), anonMiB: fileMiB(t, rollup, "Anonymous"), pssMiB: fileMiB(t, rollup, "Pss"),
		descriptors: count("fd"), threads: count("task"), cpuSeconds: cpuTime(t, pid).Seconds(), peakMiB: statusMiB(t, pid, "VmHWM"),
	}
}
