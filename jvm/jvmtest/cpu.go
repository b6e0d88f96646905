package jvmtest

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// CPUTime returns the CPU time of all threads of a process, user and system, from its
// CPU clock (clock_getcpuclockid(3)), which counts nanoseconds rather than ticks.
func CPUTime(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	const schedClock = 2 // CPUCLOCK_SCHED
	var now unix.Timespec
	if err := unix.ClockGettime(^int32(pid)<<3|schedClock, &now); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(now.Nano())
}
