package owners

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/jvmem/jvmem/jvm/proc"
)

// TestTakeUnreadable: a process whose memory cannot be opened, as it ended meanwhile or is
// another user's, is an error.
func TestTakeUnreadable(t *testing.T) {
	pid := os.Getpid()
	id := strconv.Itoa(pid)
	procfs := t.TempDir()
	task := filepath.Join(procfs, id, "task", id)
	if err := os.MkdirAll(task, 0o755); err != nil {
		t.Fatal(err)
	}
	take := func() error {
		_, err := Take(Target{Proc: procfs, PID: pid}, DefaultBudget())
		return err
	}
	if err := take(); !errors.Is(err, proc.ErrGone) {
		t.Errorf("no status: %v", err)
	}
	for from, to := range map[string]string{"/proc/self/status": filepath.Join(procfs, id, "status"), "/proc/self/stat": filepath.Join(task, "stat")} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := take(); err == nil {
		t.Error("no pagemap: no error")
	}
	if err := os.WriteFile(filepath.Join(procfs, id, "pagemap"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := take(); err == nil {
		t.Error("no mem: no error")
	}
}
