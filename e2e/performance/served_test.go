package performance

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// serve starts the binary and returns after its first sample.
func serve(t *testing.T, flags ...string) *sidecar.Process {
	t.Helper()
	return sidecar.Start(t, sidecar.Options{Binary: *binary, Flags: flags})
}

// goroutines ends jvmem and counts the goroutines in the dump of Go's runtime at
// SIGQUIT: nothing else reports them.
func goroutines(t *testing.T, s *sidecar.Process) int {
	t.Helper()
	return strings.Count(s.Quit(), "\ngoroutine ")
}

// knows reports whether the binary has a flag.
func knows(t *testing.T, flag string) bool {
	t.Helper()
	help, err := exec.Command(*binary, "serve", "--help").CombinedOutput()
	if err != nil && len(help) == 0 {
		t.Fatal(err)
	}
	return slices.Contains(strings.Fields(string(help)), flag)
}

// unlimited returns the flags that lift the limit on its CPU.
func unlimited(t *testing.T) []string {
	t.Helper()
	if knows(t, "--max-cpu") {
		return []string{"--max-cpu", "0"}
	}
	return nil // the limit came later
}

// usage is the resources that a process has at a moment.
type usage struct {
	at                      time.Duration // since the first
	rssMiB, anonMiB, pssMiB float64
	descriptors, threads    float64
	cpuSeconds              float64
	peakMiB                 float64
}

func usageOf(t *testing.T, s *sidecar.Process, begun time.Time) usage {
	t.Helper()
	pid := s.PID()
	select {
	case <-s.Exited():
		t.Fatal("jvmem has exited")
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
		descriptors: count("fd"), threads: count("task"), cpuSeconds: jvmtest.CPUTime(t, pid).Seconds(), peakMiB: statusMiB(t, pid, "VmHWM"),
	}
}

// samplesSince returns how many samples jvmem has taken since a moment, two minutes ago at most. At
// the other intervals nothing had moved, or --max-cpu did not allow one.
func samplesSince(t *testing.T, s *sidecar.Process, moment time.Time) int {
	t.Helper()
	h, err := s.History("since=2m")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, track := range h.Containers[0].Tracks {
		sampled := track.Series["jvm_generation"].Last // none: all are readings
		for i, at := range track.Times {
			if track.StepMillis == 0 && at >= moment.UnixMilli() && i < len(sampled) && sampled[i] != nil {
				count++
			}
		}
	}
	return count
}
