package proc

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestCPUTime: the clock of this process is its own CPU time, and goes on with it.
func TestCPUTime(t *testing.T) {
	before, known := CPUTime(os.Getpid())
	for begin := time.Now(); time.Since(begin) < 50*time.Millisecond; {
	}
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	after, stillKnown := CPUTime(os.Getpid())
	want := time.Duration(used.Utime.Nano() + used.Stime.Nano())
	if !known || !stillKnown || after <= before || after < want-50*time.Millisecond || after > want+500*time.Millisecond {
		t.Errorf("%v, then %v, want %v", before, after, want)
	}
	if spent, known := CPUTime(1 << 22); known { // PID_MAX_LIMIT: no process has it
		t.Errorf("%v of no process", spent)
	}
}
