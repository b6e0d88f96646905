package sidecar

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestBlind: jvmem beside a JVM of another user, whose cgroup it cannot see either, as in a
// pod whose image sets the user. It says so first, with the fix, and an end that could be
// an OOM kill is told as such.
func TestBlind(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{LimitBytes: 256 * mib, JVMFlags: []string{"-Xmx32m"}, UID: 1000, GID: 1000})
	// The cgroups are hidden in a mount namespace of its own.
	const script = `mount -t tmpfs none /sys/fs/cgroup && exec setpriv --reuid 65532 --regid 65532 --clear-groups "$@"`
	s := startCommand(t, []string{"unshare", "--mount", "sh", "-c", script, "sh"}, "--pid", fmt.Sprint(j.PID))
	s.await(t, "the verdict is logged", func() bool { return strings.Contains(s.log.text(), `"verdict_appeared"`) })

	text := s.get(t, "/breakdown?format=text")
	first, _, _ := strings.Cut(text, "\n")
	for _, part := range []string{"Diagnosis: the JVM's memory cannot be read", "runAsUser: 1000, runAsGroup: 1000", "--user=jvm"} {
		if !strings.Contains(first, part) {
			t.Errorf("the first line lacks %q: %s", part, first)
		}
	}
	var report breakdown.Report
	s.decode(t, "/breakdown", &report)
	for _, row := range report.Containers[0].Memory {
		if row.Bytes != nil {
			t.Errorf("%s: %d bytes, want unknown", row.Name, *row.Bytes)
		}
	}
	for path, want := range map[string]string{"/readyz": "ok\n", "/healthz": "ok\n"} {
		if got := s.get(t, path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
	if metrics := s.get(t, "/metrics"); !strings.Contains(metrics, `state="`+string(rows.VerdictNotObservable)+`"} 1`) || strings.Contains(metrics, "jvmem_leak_suspected{") {
		t.Error(metrics)
	}

	if err := syscall.Kill(j.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-j.Exited()
	if a := s.awaitAutopsy(t); !a.CouldBeOOMKill || !strings.Contains(a.Summary, "could be an OOM kill") || len(a.Next) == 0 || !strings.Contains(a.Next[0], "--user=jvm") {
		t.Error(a.Summary, a.Next)
	}
	s.await(t, "the end is seen", func() bool { return !strings.Contains(s.get(t, "/breakdown"), `"jvms"`) })
	var warned []string
	for line := range strings.Lines(s.log.text()) {
		if !strings.Contains(line, `"log.level":"info"`) {
			warned = append(warned, line)
		}
	}
	if len(warned) != 2 || !strings.Contains(warned[0], "cannot be read") || !strings.Contains(warned[1], "could be an OOM kill") {
		t.Errorf("logged: %s", strings.Join(warned, ""))
	}
}
