package e2e

import (
	"bytes"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Exit codes of jvmem breakdown.
const (
	exitComplete = 0
	exitPartial  = 3
)

// TestAccess looks at one JVM, of a user that is not root, as several users. The
// kernel and HotSpot decide who may see what; what may not be seen is null and
// says how to change that, and nothing is a wrong number.
func TestAccess(t *testing.T) {
	t.Parallel()
	pause := startPause(t)
	w := startJVM(t, jvmOptions{pause: pause, flags: append(slices.Clone(quiet), "-XX:NativeMemoryTracking=summary")})
	w.do("heap 48")
	w.do("direct 32")
	w.do("mapfile /data/mapped 32")
	w.do("child 32")
	w.do("threads 4 8192")

	args := []string{"--cap-drop=ALL", "--read-only", "--security-opt", "no-new-privileges"}
	as := func(user string) []string { return append([]string{"--user", user}, args...) }
	code, truth := look(t, pause, as(user))
	if code != exitComplete {
		t.Fatalf("as the JVM's own user: exit code %d: %v", code, truth)
	}
	checkContainer(t, "as the JVM's own user", w, truth)

	for _, who := range []struct {
		name     string
		args     []string
		complete bool
	}{
		{"root with SYS_PTRACE", []string{"--read-only", "--user", "0:0", "--cap-add=SYS_PTRACE"}, true},
		{"root", []string{"--read-only", "--user", "0:0"}, false},
		{"root without capabilities", as("0:0"), false},
		{"other user", as("20001:20001"), false},
		{"other user with capabilities", []string{"--read-only", "--user", "20001:20001", "--cap-add=SYS_PTRACE"}, false},
		{"other group", as("10001:20001"), false},
	} {
		t.Run(who.name, func(t *testing.T) {
			code, c := look(t, pause, who.args)
			if who.complete {
				if code != exitComplete || len(c.unknown()) > 0 {
					t.Errorf("exit code %d, want %d: %v", code, exitComplete, c)
				}
				checkContainer(t, who.name, w, c)
			} else {
				checkRefused(t, code, c)
			}
			checkSame(t, c, truth)
		})
	}
	if t.Failed() {
		t.Logf("the truth: %v", truth)
	}
}

// checkRefused checks a report of a user who may not look into the JVM.
func checkRefused(t *testing.T, code int, c *container) {
	t.Helper()
	t.Log(c)
	if code != exitPartial {
		t.Errorf("exit code %d, want %d", code, exitPartial)
	}
	if unknown := c.unknown(); !slices.Equal(unknown, rowNames) {
		t.Errorf("only %v are null, want all rows", unknown)
	}
	if !explained(c.Sources, "runAsUser: 10001") || !explained(c.Sources, "runAsGroup: 10001") {
		t.Error("no source says how to run the sidecar: runAsUser: 10001, runAsGroup: 10001")
	}
	for _, name := range []string{"cgroup", "smaps", "attach"} {
		if s, ok := c.failed(name); !ok || s.Reason == "" || s.Fix == "" {
			t.Errorf("source %s says %+v, want a reason and a fix", name, s)
		}
	}
	// What everybody may see.
	if len(c.JVMs) != 1 || c.JVMs[0].Threads.Live < 10 {
		t.Errorf("the JVM's threads are not told: %+v", c.JVMs)
	}
}

// checkSame checks that what is told is what who sees everything was told.
func checkSame(t *testing.T, c, truth *container) {
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
			numbers = append(numbers, number{row.Name + "." + detail.Name, c.Memory[i].detail(detail.Name).Bytes, detail.Bytes})
		}
	}
	for _, n := range numbers {
		if n.is != nil && (n.was == nil || abs(*n.is-*n.was) > 2*mib) {
			t.Errorf("%s is %s, but was %s to who may see it", n.name, kib(n.is), kib(n.was))
		}
	}
	pools := truth.JVMs[0].Threads.Pools
	for _, p := range c.JVMs[0].Threads.Pools {
		if p.Name == "workload-#" && p.Count != 4 {
			t.Errorf("%d threads in the pool, want 4 of %+v", p.Count, pools)
		}
	}
}

// look runs jvmem breakdown once, in a container of its own.
func look(t *testing.T, pid string, args []string) (code int, c *container) {
	t.Helper()
	args = append([]string{"run", "--rm", "--network=none", "--pid=container:" + pid, "--env", "JVMEM_CONTAINER_NAME=app"}, args...)
	var stdout, stderr bytes.Buffer
	cmd := daemon.Command(t.Context(), append(args, sidecarImage, "breakdown", "--format", "json")...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if stdout.Len() == 0 {
		t.Fatalf("jvmem breakdown says nothing, exit code %d: %s", code, strings.TrimSpace(stderr.String()))
	}
	r := parseReport(t, stdout.Bytes())
	return code, r.only(t)
}
