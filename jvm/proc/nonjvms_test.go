package proc

import (
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// startShell starts a shell that runs sleep after it has read a line.
func startShell(t *testing.T) (pid int, stdin io.Writer) {
	t.Helper()
	shell := exec.Command("sh", "-c", "echo; read line; exec sleep 600")
	stdin, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = shell.Process.Kill(), shell.Wait() })
	if _, err := stdout.Read(make([]byte, 1)); err != nil { // its own exec is over
		t.Fatal(err)
	}
	return shell.Process.Pid, stdin
}

func TestNonJVMs(t *testing.T) {
	pid, stdin := startShell(t)
	s := NewNonJVMs("/proc")
	if s.Add(pid); s.Contains(pid) {
		t.Error("a launcher that has just begun is not looked at again")
	}
	mapped := uint64(0) // since it was examined
	add := func() {     // as if it had run for long
		t.Helper()
		now, size, err := s.program(pid)
		if err != nil {
			t.Fatal(err)
		}
		s.remember(pid, now, size-mapped)
	}
	known := func(times int) {
		t.Helper()
		for range times {
			if !s.Contains(pid) {
				t.Fatal("not known")
			}
		}
	}
	add()
	first, _ := s.Added(pid)
	known(2 * recheckEvery)
	if serial, ok := s.Added(pid); !ok || serial == first {
		t.Error("it counts as examined only once")
	}
	mapped = 4 << 20
	add()
	known(recheckEvery - 1)
	if s.Contains(pid) {
		t.Errorf("not looked at after %d times: it may have loaded the JVM", recheckEvery)
	}
	add()
	if s.Keep([]int{1, pid}); !s.Contains(pid) {
		t.Error("forgotten")
	}
	if s.Keep([]int{1}); s.Contains(pid) {
		t.Error("kept, though it ended")
	}
	add()
	if _, err := io.WriteString(stdin, "\n"); err != nil {
		t.Fatal(err)
	}
	for {
		status, err := ReadStatus("/proc", pid)
		if err != nil {
			t.Fatal(err)
		}
		if status.Command == "sleep" {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if s.Contains(pid) {
		t.Error("known, though it runs another program")
	}
}

// TestStill: a process that has run for long is not examined again as long as it has its
// inode, but by each fifteenth call, and counts as added again by each third of these.
func TestStill(t *testing.T) {
	pid, _ := startShell(t)
	entries, err := List("/proc")
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.PID == pid })
	if err != nil || i < 0 || entries[i].Inode == 0 {
		t.Fatalf("%+v, %v", entries, err)
	}
	e := entries[i]
	if again, err := List("/proc"); err != nil || !slices.Contains(again, e) {
		t.Errorf("%+v is not in the next list: %+v, %v", e, again, err)
	}
	added := func(lasting float64) *NonJVMs {
		t.Helper()
		s := NewNonJVMs("/proc")
		s.lastingSeconds = lasting
		now, size, err := s.program(pid)
		if err != nil {
			t.Fatal(err)
		}
		if s.remember(pid, now, size); !s.Still(e) {
			t.Fatal("it is not known")
		}
		return s
	}
	for name, tt := range map[string]struct {
		lasting float64
		inode   uint64
		calls   int // that do not examine it
	}{
		"lasting": {0, e.Inode, skips - 1}, "young": {3600, e.Inode, 0}, "of another inode": {0, e.Inode + 1, 0}, "without an inode": {0, 0, 0},
	} {
		s := added(tt.lasting)
		s.proc = t.TempDir() // whoever is examined there has ended
		calls := 0
		for s.Still(Entry{pid, tt.inode}) {
			calls++
		}
		if calls != tt.calls {
			t.Errorf("%s: %d calls, want %d", name, calls, tt.calls)
		}
	}
	s := added(0)
	serials := make(map[int]bool)
	for range 6 * (skips + 1) {
		if !s.Still(e) {
			t.Fatal("it is no longer known")
		}
		serial, _ := s.Added(pid)
		serials[serial] = true
	}
	if len(serials) < 3 || len(serials) > 4 {
		t.Errorf("examined six times, it was added %d times", len(serials))
	}
}

// BenchmarkStill is what a process that is no JVM costs in each sample, without the listing.
func BenchmarkStill(b *testing.B) {
	s := NewNonJVMs("/proc")
	s.lastingSeconds = 0
	e := Entry{os.Getpid(), 1}
	now, size, err := s.program(e.PID)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !s.Still(e) { // it has grown
			s.remember(e.PID, now, size)
		}
	}
}
