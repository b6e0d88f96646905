package jvmtest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Limited makes a memory cgroup with a limit in bytes until the end of the test. A command that
// prefix is put before runs in it; peak returns the most that was charged to it.
func Limited(tb testing.TB, limitBytes int64) (prefix []string, peak func() int64) {
	tb.Helper()
	group, err := newCgroup(limitBytes, 0)
	if err != nil {
		tb.Fatalf("jvmtest: no writable memory cgroup (run as root, or in a privileged container): %v", err)
	}
	tb.Cleanup(func() {
		if err := group.remove(); err != nil {
			tb.Error(err)
		}
	})
	file := "memory.peak"
	if group.version == 1 {
		file = "memory.max_usage_in_bytes"
	}
	return []string{"sh", "-c", enterScript, filepath.Join(group.dir, "cgroup.procs")}, func() int64 {
		text, err := os.ReadFile(filepath.Join(group.dir, file))
		if err != nil {
			tb.Fatal(err)
		}
		bytes, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			tb.Fatal(err)
		}
		return bytes
	}
}

// enterScript lets a shell enter a cgroup, by its file cgroup.procs, and become a command.
const enterScript = `echo $$ >"$0" && exec "$@"`
