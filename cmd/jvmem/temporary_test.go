package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestServeFor runs as a process of its own, as it changes what the kernel kills first.
func TestServeFor(t *testing.T) {
	if dir := os.Getenv("TEST_SERVE_FOR"); dir != "" {
		_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) // as main does
		code, stdout, stderr := runMain(t, noEnv, "--proc", dir, "--listen", "127.0.0.1:0", "--for", "300ms")
		adjusted, err := os.ReadFile("/proc/self/oom_score_adj")
		if code != 0 || stderr != "" || err != nil || strings.TrimSpace(string(adjusted)) != "1000" {
			t.Errorf("exit code %d, %s %s; oom_score_adj %s (%v)", code, stdout, stderr, adjusted, err)
		}
		if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); dumpable != 0 {
			t.Errorf("dumpable: %d, %v", dumpable, err)
		}
		return
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServeFor$")
	child.Env = append(os.Environ(), "TEST_SERVE_FOR="+t.TempDir())
	child.WaitDelay = time.Minute
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
