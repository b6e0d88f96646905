package sidecar

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const mib = 1 << 20

// TestChurn: beside three JVMs up to a hundred processes a second begin and end, in the
// container of one of them. Each sample has all three, without an error, and nothing
// is left of the others: no memory, no descriptor.
func TestChurn(t *testing.T) {
	if !jvmtest.InPod(t) {
		return
	}
	const samples, warmUp = 100, 20
	var jvms []*jvmtest.JVM
	for range 3 {
		jvms = append(jvms, jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 * mib}))
	}
	jvms[0].Do("child 32") // one that stays
	// Each turn forks twice, and sleep makes it 50 a second at most.
	churn := exec.CommandContext(t.Context(), "/bin/sh", "-c", `echo $$ >"$0" && while :; do /bin/true & sleep 0.02; done`,
		filepath.Join(jvms[0].CgroupDir(), "cgroup.procs"))
	if err := churn.Start(); err != nil {
		t.Fatal(err)
	}
	s := serveProc(t, "/proc", ServeOptions{Interval: 50 * time.Millisecond})
	seen, last := 0, time.Time{}
	var heap uint64
	var open, begun int
	for end := time.Now().Add(3 * time.Minute); seen < samples; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d samples in 3 minutes", seen)
		}
		r := s.latest(t)
		if r.Time.Equal(last) || len(r.Containers) == 0 {
			continue
		}
		last = r.Time
		if slices.ContainsFunc(r.Sources, func(s jvm.Source) bool { return s.Name == "sample" }) {
			continue // on a busy machine a JVM answers the next one
		}
		if seen++; seen == warmUp {
			heap, open = held(t)
			begun = processes(t)
		}
		if len(r.Sources) != 0 || len(r.Containers) != len(jvms) {
			t.Fatalf("%d containers, sources %+v", len(r.Containers), r.Sources)
		}
		for i := range r.Containers {
			c := &r.Containers[i]
			if len(c.JVMs) != 1 || c.UsageBytes == nil {
				t.Fatalf("container %+v", c)
			}
			checkSum(t, fmt.Sprintf("sample %d", seen), c)
			if others := c.Row(rows.OtherProcesses).Bytes; c.JVMs[0].PID == jvms[0].PID && (others == nil || *others < 32*mib) {
				t.Errorf("sample %d: other processes have %v, want the 32 MiB of the one that stays", seen, others)
			}
		}
	}
	heapAfter, openAfter := held(t)
	begun = processes(t) - begun
	t.Logf("%d processes began; heap %d and %d KiB, descriptors %d and %d", begun, heap>>10, heapAfter>>10, open, openAfter)
	if begun < samples {
		t.Errorf("only %d processes began", begun)
	}
	if heapAfter > heap+4*mib {
		t.Errorf("the heap grew from %d to %d bytes", heap, heapAfter)
	}
	if openAfter > open {
		t.Errorf("%d descriptors after %d samples, %d after %d", open, warmUp, openAfter, seen)
	}
	if text := s.log.text(); strings.Contains(text, `"log.level":"WARN"`) {
		t.Errorf("logged: %s", text)
	}
}

// checkSum checks that rows and unattributed add up to usage.
func checkSum(t *testing.T, when string, c *breakdown.Container) {
	t.Helper()
	sum := *c.UnattributedBytes
	for _, row := range c.Memory {
		if row.Bytes != nil {
			sum += *row.Bytes
		}
	}
	if sum != *c.UsageBytes {
		t.Errorf("%s: rows and unattributed add up to %d, usage is %d", when, sum, *c.UsageBytes)
	}
}

// held returns what is in use: the heap, and the descriptors between two samples.
func held(t *testing.T) (heapBytes uint64, open int) {
	t.Helper()
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	open = descriptors(t)
	for range 200 {
		open = min(open, descriptors(t))
		time.Sleep(time.Millisecond)
	}
	return m.HeapAlloc, open
}

// processes returns how many began so far in this PID namespace: the last PID.
func processes(t *testing.T) (pid int) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", "echo $$").Output()
	if err == nil {
		_, err = fmt.Sscan(string(out), &pid)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
