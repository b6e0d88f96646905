package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// shell starts a shell that waits for a line and then runs the script. It is
// reaped by the test.
func shell(t *testing.T, script string) (*Handle, *exec.Cmd, func()) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "echo; read line; "+script)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := stdout.Read(make([]byte, 1)); err != nil { // it runs
		t.Fatal(err)
	}
	status, err := ReadStatus("/proc", cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	h, err := OpenHandle("/proc", cmd.Process.Pid, status.StartTicks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h, cmd, func() { fmt.Fprintln(stdin) }
}

func (e *Exit) String() string {
	switch {
	case e == nil:
		return "unknown"
	case e.Code != nil:
		return fmt.Sprint("code ", *e.Code)
	}
	return fmt.Sprint("signal ", int(*e.Signal))
}

// TestHandle waits for processes that end, with and without a pidfd, and learns
// how from stat, and from the pidfd where the process was reaped before we looked.
func TestHandle(t *testing.T) {
	for script, want := range map[string]string{"exit 0": "code 0", "exit 143": "code 143", "kill -9 $$": "signal 9", "kill -15 $$": "signal 15"} {
		for _, how := range []string{"zombie", "reaped", "reaped later, not traceable", "zombie, without pidfd", "reaped, without pidfd"} {
			t.Run(script+", "+how, func(t *testing.T) {
				t.Parallel()
				h, cmd, end := shell(t, script)
				if h.pidfd == nil || !h.traceable {
					t.Fatalf("%+v", h)
				}
				want := want
				if strings.HasSuffix(how, "without pidfd") {
					if err := h.pidfd.Close(); err != nil {
						t.Fatal(err)
					}
					h.pidfd = nil
				}
				waited := make(chan error)
				go func() { waited <- h.Wait(t.Context()) }()
				if h.Ending() {
					t.Error("ending before it ends")
				}
				select {
				case err := <-waited:
					t.Fatalf("ended before it did: %v", err)
				case <-time.After(50 * time.Millisecond):
				}
				end()
				if err := <-waited; err != nil {
					t.Fatal(err)
				}
				if !h.Ending() {
					t.Error("ended, but not ending")
				}
				switch how {
				case "reaped, without pidfd":
					want = "unknown"
					_ = cmd.Wait() // its error is the exit code
				case "reaped":
					_ = cmd.Wait()
					if !jvmtest.KernelAtLeast(t, 6, 15) {
						want = "unknown"
					}
				case "reaped later, not traceable":
					h.traceable = false
					if want == "code 0" && !jvmtest.KernelAtLeast(t, 6, 15) {
						want = "unknown"
					}
					var reaper sync.WaitGroup
					defer reaper.Wait()
					reaper.Go(func() { time.Sleep(50 * time.Millisecond); _ = cmd.Wait() })
				}
				if got := h.Exit(t.Context()).String(); got != want {
					t.Errorf("%s, want %s", got, want)
				}
				if err := h.Wait(t.Context()); err != nil {
					t.Errorf("waits again: %v", err)
				}
			})
		}
	}
}

// A wait ends with its context, and with Close.
func TestHandleStops(t *testing.T) {
	for _, pidfd := range []bool{true, false} {
		h, _, _ := shell(t, "exit")
		if !pidfd {
			_ = h.pidfd.Close()
			h.pidfd = nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := h.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("pidfd %v: %v", pidfd, err)
		}
		waited := make(chan error)
		go func() { waited <- h.Wait(t.Context()) }()
		time.Sleep(10 * time.Millisecond)
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if err := <-waited; !errors.Is(err, os.ErrClosed) {
			t.Errorf("pidfd %v: %v", pidfd, err)
		}
	}
}

func TestOpenHandleOfAnother(t *testing.T) {
	status, err := ReadStatus("/proc", os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if h, err := OpenHandle("/proc", os.Getpid(), status.StartTicks+1); !errors.Is(err, ErrGone) {
		t.Errorf("another start: %+v, %v", h, err)
	}
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	if h, err := OpenHandle("/proc", ended.Process.Pid, 1); !errors.Is(err, ErrGone) {
		t.Errorf("a PID that is free: %+v, %v", h, err)
	}
	// A procfs of another PID namespace, where our PID is somebody else's.
	other := t.TempDir()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", os.Getpid()))
	if err == nil {
		pid := fmt.Sprint(os.Getpid())
		dir := filepath.Join(other, pid, "task", pid)
		err = errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "stat"), stat, 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	h, err := OpenHandle(other, os.Getpid(), status.StartTicks)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if h.pidfd != nil {
		t.Error("the pidfd is of a process of our PID namespace")
	}
}

func TestParseLast(t *testing.T) {
	live := strings.TrimSpace(jvmtest.CaptureText(t, "testdata/jdk25/g1/stat.txt"))
	change := func(field int, value string) string {
		end := strings.LastIndex(live, ")")
		fields := strings.Fields(live[end+1:])
		fields[field-firstField] = value
		return live[:end+1] + " " + strings.Join(fields, " ") + "\n"
	}
	got, err := parseLast(strings.NewReader(live + "\n"))
	if err != nil || got != (last{startTicks: 774776, traceable: true}) {
		t.Errorf("live: %+v, %v", got, err)
	}
	if got, err := parseLast(strings.NewReader(change(26, "1"))); err != nil || got.traceable {
		t.Errorf("not traceable: %+v, %v", got, err)
	}
	if got, err := parseLast(strings.NewReader(change(3, "Z"))); err != nil || got.ended {
		t.Errorf("its first thread ended: %+v, %v", got, err)
	}
	// Captured on Linux 6.18: sh -c 'exit 7', not reaped.
	const zombie = "13943 (sh) Z 13938 13903 11637 0 -1 4227084 65 75 0 0 0 0 0 0 20 0 1 0 64465 0 0 18446744073709551615 0 0 0 0 0 0 0 0 65538 1 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 1792\n"
	if got, err := parseLast(strings.NewReader(zombie)); err != nil || got != (last{startTicks: 64465, ending: true, ended: true, status: syscall.WaitStatus(1792)}) {
		t.Errorf("zombie: %+v, %v", got, err)
	}
	for field, value := range map[int]string{9: "-", 20: "x", 22: "-1", 26: "0x1", 52: "?", 3: "ZZ"} {
		if got, err := parseLast(strings.NewReader(change(field, value))); err == nil || got != (last{}) {
			t.Errorf("field %d %q: %+v, %v", field, value, got, err)
		}
	}
	for cut := range zombie {
		if got, err := parseLast(strings.NewReader(zombie[:cut])); err == nil {
			t.Fatalf("cut at %d: %+v", cut, got)
		}
	}
}

// Both readers of a stat agree, whatever is in it.
func FuzzParseLast(f *testing.F) {
	f.Add("13943 (sh) Z 13938 13903 11637 0 -1 4227084 65 75 0 0 0 0 0 0 20 0 1 0 64465 0 0 18446744073709551615 0 0 0 0 0 0 0 0 65538 1 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 1792\n")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parseLast(strings.NewReader(text))
		if err != nil {
			return
		}
		s, err := ParseStat(strings.NewReader(text))
		if err == nil && (s.StartTicks != l.startTicks || s.Exiting != l.ending) {
			t.Fatalf("%+v and %+v of %q", l, s, text)
		}
	})
}
