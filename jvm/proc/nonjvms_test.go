package proc

import (
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

func TestNonJVMs(t *testing.T) {
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
	pid := shell.Process.Pid
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
// inode, but by each tenth call.
func TestStill(t *testing.T) {
	pid := os.Getpid()
	entries, err := List("/proc")
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.PID == pid })
	if err != nil || i < 0 || entries[i].Inode == 0 {
		t.Fatalf("%+v, %v", entries, err)
	}
	again, err := List("/proc")
	if err != nil || !slices.Contains(again, entries[i]) {
		t.Errorf("%+v is not in the next list: %+v, %v", entries[i], again, err)
	}
	for name, tt := range map[string]struct {
		lasting bool
		inode   uint64
		calls   int // that do not examine it
	}{
		"lasting": {true, entries[i].Inode, skips}, "young": {false, entries[i].Inode, 0}, "of another inode": {true, entries[i].Inode + 1, 0}, "without an inode": {true, 0, 0},
	} {
		s := NewNonJVMs("/proc")
		now, size, err := s.program(pid)
		if err != nil {
			t.Fatal(err)
		}
		s.remember(pid, now, size)
		of := s.known[pid]
		of.lasting = tt.lasting
		s.known[pid] = of
		if !s.Still(entries[i]) {
			t.Fatal(name, "is not known")
		}
		s.proc = t.TempDir() // whoever is examined there has ended
		e := Entry{pid, tt.inode}
		calls := 0
		for s.Still(e) {
			calls++
		}
		if want := max(0, tt.calls-1); calls != want {
			t.Errorf("%s: %d calls, want %d", name, calls, want)
		}
	}
}

// BenchmarkStill is what a process that is no JVM costs in each sample, without the listing.
func BenchmarkStill(b *testing.B) {
	s := NewNonJVMs("/proc")
	now, size, err := s.program(os.Getpid())
	if err != nil {
		b.Fatal(err)
	}
	e := Entry{os.Getpid(), 1}
	for b.Loop() {
		if !s.Still(e) {
			s.remember(e.PID, now, size)
		}
		of := s.known[e.PID]
		of.lasting = true
		s.known[e.PID] = of
	}
}
