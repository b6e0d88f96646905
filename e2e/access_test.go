package e2e

import (
	"fmt"
	"slices"
	"testing"

	"github.com/jvmem/jvmem/e2e/pod"
	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/e2e/trial"
)

// Exit codes of jvmem breakdown.
const (
	exitComplete = 0
	exitError    = 1
	exitPartial  = 3
)

// sight is how much a sidecar can read of a JVM.
type sight int

const (
	sees    sight = iota // everything
	smaps                // mappings and the cgroup, but neither pages nor memory, and no attach
	nothing              // only what every process can read
)

// who is an identity with which jvmem runs.
type who struct {
	name      string
	user      string
	add, drop []string
	sight     sight
	takes     bool // --user=jvm
}

// testAccess runs jvmem with several identities in pods whose JVMs run with several. The
// kernel and HotSpot decide about access. A value that jvmem cannot read is null, with a
// fix, and no value is wrong.
func testAccess(t *testing.T, e engine, jdk string) {
	all, ptrace, set := []string{"ALL"}, []string{"SYS_PTRACE"}, []string{"SETUID", "SETGID"}
	for _, target := range []struct {
		name string
		user string
		root bool // with the default capabilities of the engine
		as   []who
	}{
		{"user", user, false, []who{
			{"same user and group, drop ALL", user, nil, all, sees, false},
			{"same user, other group", "10001:20001", nil, all, nothing, false},
			{"other user", "20001:20001", nil, all, nothing, false},
			{"other user with SYS_PTRACE", "20001:20001", ptrace, nil, nothing, false},
			{"root", "0:0", nil, nil, nothing, false},
			{"root, drop ALL", "0:0", nil, all, nothing, false},
			{"root with SYS_PTRACE", "0:0", ptrace, nil, sees, false},
			{"root, drop ALL, add SYS_PTRACE", "0:0", ptrace, all, smaps, false},
			{"root that takes the JVM's user", "0:0", nil, nil, sees, true},
			{"root, drop ALL, add SETUID and SETGID, takes the JVM's user", "0:0", set, all, sees, true},
		}},
		{"root", "0:0", true, []who{
			{"root", "0:0", nil, nil, sees, false},
			{"root with SYS_PTRACE", "0:0", ptrace, nil, sees, false},
			{"root, drop ALL", "0:0", nil, all, nothing, false},
			{"root that takes the JVM's user", "0:0", nil, nil, sees, true},
			{"root, drop ALL, add SETUID and SETGID, takes the JVM's user", "0:0", set, all, nothing, true},
		}},
		{"root, drop ALL", "0:0", false, []who{
			{"root, drop ALL", "0:0", nil, all, sees, false},
			{"root", "0:0", nil, nil, sees, false},
			{"root, drop ALL, add SETUID and SETGID, takes the JVM's user", "0:0", set, all, sees, true},
		}},
	} {
		t.Run("JVM "+target.name, func(t *testing.T) {
			p := startPod(t, e, pod.Options{})
			w := p.startJVM(jvmOptions{jdk: jdk, flags: trial.JVMFlags("G1", "summary"), user: target.user, root: target.root})
			for _, command := range []string{"heap 48", "direct 32", "mapfile /data/mapped 32", "child 32", "threads 4 8192"} {
				w.do(command)
			}
			var truth *sidecar.Container // from the first identity, which sees everything
			for _, as := range target.as {
				c := asUser(as.user, "breakdown", "--format", "json")
				c.Add, c.Drop = as.add, as.drop
				if as.takes {
					c.Command = append(c.Command, "--user=jvm")
				}
				code, r := p.runBreakdown(c)
				seen := r.Only(t)
				if truth == nil {
					truth = seen
				}
				t.Run(as.name, func(t *testing.T) {
					checkSight(t, as, w, code, seen)
					checkSame(t, seen, truth)
				})
			}
		})
	}
}

func checkSight(t *testing.T, as who, w *workload, code int, c *sidecar.Container) {
	t.Helper()
	want, unknown, failed := exitPartial, sidecar.RowNames(), []string{"cgroup", "smaps", "attach"}
	switch as.sight {
	case sees:
		want, unknown, failed = exitComplete, nil, nil
		checkContainer(t, as.name, w, c)
	case smaps:
		unknown, failed = []string{"heap", "metaspace", "code_cache", "gc", "native"}, []string{"attach", "pagemap"}
		if !marksStacks() {
			unknown = slices.Insert(unknown, 2, "threads")
		}
		checkContainer(t, as.name, w, c)
	case nothing:
		uid, gid := 0, 0
		if _, err := fmt.Sscanf(w.user, "%d:%d", &uid, &gid); err != nil {
			t.Fatal(err)
		}
		if !sidecar.Explained(c.Sources, fmt.Sprint("runAsUser: ", uid)) || !sidecar.Explained(c.Sources, fmt.Sprint("runAsGroup: ", gid)) {
			t.Errorf("no source explains as which user to run the sidecar, with a JVM of %s\n%v", w.user, c)
		}
	}
	if code != want {
		t.Errorf("exit code %d, want %d", code, want)
	}
	if !slices.Equal(c.Unknown(), unknown) {
		t.Errorf("rows %v are null, want %v\n%v", c.Unknown(), unknown, c)
	}
	for _, name := range failed {
		if s, ok := c.Failed(name); !ok || s.Reason == "" || s.Fix == "" {
			t.Errorf("source %s is %+v, want a reason and a fix", name, s)
		}
	}
	// Every process can read this.
	if len(c.JVMs) != 1 || c.JVMs[0].Threads.Live < 10 {
		t.Errorf("the threads of the JVM are missing: %+v", c.JVMs)
	}
}

// marksStacks reports whether the kernel marks stacks in smaps, as from Linux 6.7 on.
func marksStacks() bool {
	major, minor := 0, 0
	_, err := fmt.Sscanf(trial.Kernel(), "%d.%d", &major, &minor)
	return err == nil && (major > 6 || major == 6 && minor >= 7)
}

// checkSame checks that known values equal those of an identity that sees everything.
func checkSame(t *testing.T, c, truth *sidecar.Container) {
	t.Helper()
	if c.ID != truth.ID {
		t.Errorf("container %q, want %q", c.ID, truth.ID)
	}
	type number struct {
		name    string
		is, was *int64
	}
	numbers := []number{
		{"limit", c.LimitBytes, truth.LimitBytes}, {"usage", c.UsageBytes, truth.UsageBytes},
		{"working set", c.WorkingSetBytes, truth.WorkingSetBytes}, {"rss", c.RSSBytes, truth.RSSBytes},
		{"headroom", c.HeadroomBytes, truth.HeadroomBytes}, {"reclaimable", c.ReclaimableBytes, truth.ReclaimableBytes},
		{"OOM kills", c.OOMKills, truth.OOMKills},
	}
	for i, row := range truth.Memory {
		numbers = append(numbers, number{row.Name, c.Memory[i].Bytes, row.Bytes})
		for _, detail := range row.Detail {
			numbers = append(numbers, number{row.Name + "." + detail.Name, c.Memory[i].Part(detail.Name).Bytes, detail.Bytes})
		}
	}
	for _, n := range numbers {
		if n.is != nil && (n.was == nil || abs(*n.is-*n.was) > 2*mib) {
			t.Errorf("%s is %s, but %s with full access", n.name, sidecar.KiB(n.is), sidecar.KiB(n.was))
		}
	}
	for _, p := range c.JVMs[0].Threads.Pools {
		if p.Name == "workload-#" && p.Count != 4 {
			t.Errorf("%d threads in the pool, want 4 of %+v", p.Count, truth.JVMs[0].Threads.Pools)
		}
	}
}
