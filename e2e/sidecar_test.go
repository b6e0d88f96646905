package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRowsGrow is a pod whose sidecar starts before the JVM.
func TestRowsGrow(t *testing.T) {
	t.Parallel()
	for _, mode := range []struct {
		name   string
		flags  []string
		nmt    string
		limits limits
		failed []source // what they have to say
	}{
		{name: "nmt summary", flags: []string{"-XX:NativeMemoryTracking=summary"}, nmt: "summary", limits: exact()},
		{
			name: "nmt off", nmt: "off", limits: exact(),
			failed: []source{{Name: "nmt", Reason: "not enabled", Fix: "-XX:NativeMemoryTracking=summary"}},
		},
		{
			name: "attach refused", flags: []string{"-XX:+DisableAttachMechanism"}, nmt: "off", limits: partial(),
			failed: []source{
				{Name: "attach", Reason: "-XX:+DisableAttachMechanism", Fix: "without -XX:+DisableAttachMechanism"},
				{Name: "ranges", Reason: "gc", Fix: "attach"},
			},
		},
	} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			pause := startPause(t)
			s := startSidecar(t, pause)
			if r := s.report(); len(r.Containers) != 0 || !explained(r.Sources, "waiting for a JVM") {
				t.Errorf("before there is a JVM: %+v", r)
			}
			w := startJVM(t, jvmOptions{pause: pause, flags: append(slices.Clone(quiet), mode.flags...)})
			c := checkGrowths(t, w, s, growths, mode.limits)
			checkJVM(t, c, mode.nmt)
			checkPool(t, c)
			checkSources(t, c, mode.failed)
		})
	}
}

// TestPlain is the short form: docker run --pid=container:<the JVM's>. The JVM
// is PID 1, and the sidecar's cgroup namespace is its own.
func TestPlain(t *testing.T) {
	t.Parallel()
	w := startJVM(t, jvmOptions{flags: append(slices.Clone(quiet), "-XX:NativeMemoryTracking=summary")})
	s := startSidecar(t, w.id, "--cgroupns=private")
	c := checkGrowths(t, w, s, pick("heap", "native", "other_processes"), exact())
	checkJVM(t, c, "summary")
	if c.JVMs[0].PID != 1 {
		t.Errorf("the JVM's PID is %d, want 1", c.JVMs[0].PID)
	}

	r := s.exec()
	c = r.only(t)
	checkContainer(t, "docker exec", w, c)
	if unknown := c.unknown(); len(unknown) > 0 {
		t.Errorf("docker exec: rows %v are null", unknown)
	}

	table, err := s.get("/breakdown?format=text")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(slices.Clone(rowNames), "unattributed", "usage") {
		if !strings.Contains(string(table), name) {
			t.Errorf("the table lacks %s:\n%s", name, table)
		}
	}
}

// TestNoTmp is a JVM with a read-only root and no /tmp: it can neither offer a
// socket nor its counters.
func TestNoTmp(t *testing.T) {
	t.Parallel()
	pause := startPause(t)
	w := startJVM(t, jvmOptions{pause: pause, noTmp: true, flags: quiet})
	s := startSidecar(t, pause)
	c := checkGrowths(t, w, s, pick("heap", "threads", "native", "mapped_files"), partial())
	checkPool(t, c)
	checkSources(t, c, []source{
		{Name: "hsperfdata", Reason: "hsperfdata", Fix: "/tmp"},
		{Name: "attach", Reason: "/tmp", Fix: "/tmp"},
		{Name: "ranges", Reason: "gc", Fix: "attach"},
	})
}

// TestRestart follows a pod whose JVM comes and goes.
func TestRestart(t *testing.T) {
	t.Parallel()
	pause := startPause(t)
	s := startSidecar(t, pause)
	for range 2 {
		t.Run("life", func(t *testing.T) {
			w := startJVM(t, jvmOptions{pause: pause, flags: quiet})
			r := s.newer()
			checkContainer(t, "started", w, r.only(t))
		})
		for end := time.Now().Add(reportTimeout); ; {
			if r := s.newer(); len(r.Containers) == 0 {
				break
			}
			if time.Now().After(end) {
				t.Fatal("the JVM is gone and still reported")
			}
		}
	}
}

// pick returns the first growth of each of these rows.
func pick(rows ...string) []growth {
	var picked []growth
	for _, name := range rows {
		i := slices.IndexFunc(growths, func(g growth) bool { return g.row == name })
		picked = append(picked, growths[i])
	}
	return picked
}

func checkJVM(t *testing.T, c *container, nmt string) {
	t.Helper()
	if len(c.JVMs) != 1 {
		t.Fatalf("%d JVMs, want 1", len(c.JVMs))
	}
	j := c.JVMs[0]
	if j.Version == "" || j.GC != "G1" || j.NMT != nmt || j.UptimeSeconds == nil || *j.UptimeSeconds <= 0 || j.Threads.Live < 10 {
		t.Errorf("the JVM is described as %+v", j)
	}
	// Only the JVM knows these sizes as of now: hsperfdata has those of its last collection.
	_, refused := c.failed("attach")
	heap := c.row("heap")
	told := heap.CommittedBytes != nil && *heap.CommittedBytes == 256*mib && heap.UsedBytes != nil
	null := heap.CommittedBytes == nil && heap.UsedBytes == nil
	if refused && !null || !refused && !told {
		t.Errorf("the heap is described as %s committed, %s used; attach refused: %v", kib(heap.CommittedBytes), kib(heap.UsedBytes), refused)
	}
}

// checkSources checks which sources failed, and what those say.
func checkSources(t *testing.T, c *container, want []source) {
	t.Helper()
	var failed []source
	for _, s := range c.Sources {
		if !s.OK {
			failed = append(failed, s)
		}
	}
	same := slices.EqualFunc(failed, want, func(is, want source) bool {
		return is.Name == want.Name && strings.Contains(is.Reason, want.Reason) && strings.Contains(is.Fix, want.Fix)
	})
	if !same {
		t.Errorf("failed sources %+v, want %+v", failed, want)
	}
}

// checkPool looks for the threads of the workload by their pool's name.
func checkPool(t *testing.T, c *container) {
	t.Helper()
	for _, p := range c.JVMs[0].Threads.Pools {
		if p.Name == "workload-#" {
			if p.Count != 4 || p.StackBytes == nil || abs(*p.StackBytes-32*mib) > 2*mib {
				t.Errorf("the pool is described as %+v with %s of stack", p, kib(p.StackBytes))
			}
			return
		}
	}
	t.Errorf("no pool workload-#: %+v", c.JVMs[0].Threads.Pools)
}
