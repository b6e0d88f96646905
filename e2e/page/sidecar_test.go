package page

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

var binary = flag.String("jvmem", "", "the binary under test")

// testSidecar is a jvmem that sees the processes of proc.
type testSidecar struct {
	*sidecar.Process
	t    *testing.T
	proc *jvmtest.PodProc
}

func startSidecar(t *testing.T) *testSidecar {
	t.Helper()
	proc := jvmtest.NewPodProc(t)
	return &testSidecar{sidecar.Start(t, sidecar.Options{Binary: *binary, Proc: proc, Flags: []string{
		"--interval", "200ms", "--max-cpu", "0", "--log-interval", "0", "--pod-name", "orders-7c9f6b5d4-x2x7q", "--pod-namespace", "shop",
	}}), t, proc}
}

// at returns the known values of all series of /history at the time of a reading. A light
// reading has no rows: those of the sample before it are shown.
func (s *testSidecar) at(at time.Time) map[string]int64 {
	s.t.Helper()
	h, err := s.History("")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range h.Containers {
		rows := make(map[string]int64)
		for _, track := range c.Tracks {
			for i, time := range track.Times {
				values := make(map[string]int64)
				for name, column := range track.Series {
					if value := column.Last[i]; value != nil {
						values[name] = *value
					}
				}
				if _, sampled := values["jvm_generation"]; sampled {
					rows = values
				}
				if time == at.UnixMilli() {
					for name, value := range rows {
						if strings.HasPrefix(name, "row/") {
							values[name] = value
						}
					}
					return values
				}
			}
		}
	}
	s.t.Fatalf("/history has no sample at %s", at)
	return nil
}

// startJVM starts a JVM that the sidecar sees.
func startJVM(t *testing.T, s *testSidecar, limit int64, flags ...string) *jvmtest.JVM {
	t.Helper()
	j := startHidden(t, limit, flags...)
	s.proc.Show(j.PID)
	return j
}

// startHidden starts a JVM that the sidecar cannot see yet.
func startHidden(t *testing.T, limit int64, flags ...string) *jvmtest.JVM {
	t.Helper()
	flags = append([]string{"-XX:+UseG1GC", "-Xmx160m", "-XX:MaxDirectMemorySize=1g", "-XX:NativeMemoryTracking=summary"}, flags...)
	return jvmtest.Start(t, jvmtest.Options{LimitBytes: limit, JVMFlags: flags})
}
