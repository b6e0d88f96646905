package jvm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/proc"
)

// freePID returns the PID of a process that ended.
func freePID(t *testing.T) int {
	t.Helper()
	c := exec.Command("true")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	return c.Process.Pid
}

// sleep starts a process that is not a JVM.
func sleep(t *testing.T) *exec.Cmd {
	t.Helper()
	c := exec.Command("sleep", "600")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.Process.Kill(), c.Wait() })
	return c
}

func TestOpenRefuses(t *testing.T) {
	alive, dead := sleep(t), sleep(t)
	if err := dead.Process.Kill(); err != nil { // not waited for: a zombie
		t.Fatal(err)
	}
	awaitZombie(t, dead.Process.Pid)
	for name, tt := range map[string]struct {
		pid  int
		want error
	}{
		"sleep": {alive.Process.Pid, ErrNotJVM}, "a zombie": {dead.Process.Pid, ErrNotJVM}, "this test": {os.Getpid(), ErrNotJVM},
		"a free PID": {freePID(t), ErrGone}, "no PID": {-1, ErrGone},
	} {
		if p, err := Open("/proc", tt.pid); !errors.Is(err, tt.want) {
			t.Errorf("%s: %+v, %v; want %v", name, p, err, tt.want)
		}
	}
	pids, err := proc.PIDs("/proc")
	if err != nil || !slices.Contains(pids, os.Getpid()) || !slices.Contains(pids, alive.Process.Pid) {
		t.Errorf("PIDs: %v, %v", pids, err)
	}
	if pids, err := proc.PIDs(t.TempDir() + "/none"); err == nil {
		t.Errorf("no proc file system: %v", pids)
	}
}

func TestUptimeOfThisProcess(t *testing.T) {
	s, err := proc.ReadStatus("/proc", os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if age := proc.Uptime(s.StartTicks); age == nil || *age > 3600 {
		t.Errorf("uptime %v", age)
	}
}

func awaitZombie(t *testing.T, pid int) {
	t.Helper()
	for range 1000 {
		s, err := proc.ReadStatus("/proc", pid)
		if err != nil {
			t.Fatal(err)
		}
		if s.State == 'Z' {
			return
		}
		pause()
	}
	t.Fatal("the process does not end")
}

// TestOpenWithoutDescriptors: a process that cannot be examined may be a JVM. The error
// says what to do.
func TestOpenWithoutDescriptors(t *testing.T) {
	pid := sleep(t).Process.Pid
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	_, err := Open("/proc", pid)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	var e *OpenError
	if !errors.As(err, &e) || !errors.Is(err, unix.EMFILE) || errors.Is(err, ErrNotJVM) || errors.Is(err, ErrGone) ||
		e.PID != pid || e.Reason == "" || !strings.Contains(e.Fix, "ulimit -n") {
		t.Errorf("%v, %+v", err, e)
	}
}

func TestOpenError(t *testing.T) {
	for _, expected := range []error{ErrNotJVM, ErrGone} {
		if err := openError(7, fmt.Errorf("x: %w", expected)); !errors.Is(err, expected) || errors.As(err, new(*OpenError)) {
			t.Errorf("%v became %v", expected, err)
		}
	}
	for cause, fix := range map[error]string{unix.EACCES: "hidepid", unix.ENFILE: "file-max", unix.ENOMEM: "memory limit", unix.EIO: "kernel"} {
		var e *OpenError
		err := openError(7, &os.PathError{Op: "open", Path: "/proc/7/maps", Err: cause})
		if !errors.As(err, &e) || !errors.Is(err, cause) || !strings.Contains(e.Fix, fix) || !strings.Contains(e.Reason, "/proc/7/maps") {
			t.Errorf("%v: %v, %+v", cause, err, e)
		}
	}
}
