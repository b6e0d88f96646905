package proc

import (
	"io"
	"os/exec"
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
