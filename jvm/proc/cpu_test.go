package proc

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestCPUSeconds: the clock of this process is its own CPU time, and goes on with it.
func TestCPUSeconds(t *testing.T) {
	before := CPUSeconds(os.Getpid())
	for begin := time.Now(); time.Since(begin) < 50*time.Millisecond; {
	}
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	after := CPUSeconds(os.Getpid())
	want := float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
	if before == nil || after == nil || *after <= *before || *after < want-0.05 || *after > want+0.5 {
		t.Errorf("%v s, then %v s, want %.3f s", before, after, want)
	}
	if n := CPUSeconds(1 << 22); n != nil { // PID_MAX_LIMIT: no process has it
		t.Errorf("%v s of no process", *n)
	}
}
