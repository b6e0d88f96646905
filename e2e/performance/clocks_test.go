package performance

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is the CPU that a process has used, user and system, of all its threads: its
// CPU clock (clock_getcpuclockid(3)), which counts nanoseconds rather than ticks.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	const schedClock = 2 // CPUCLOCK_SCHED
	return clock(t, ^int32(pid)<<3|schedClock)
}

func ownCPUTime(t *testing.T) time.Duration {
	t.Helper()
	return clock(t, unix.CLOCK_PROCESS_CPUTIME_ID)
}

func clock(t *testing.T, id int32) time.Duration {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(id, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
