package jvmtest

import (
	"runtime"
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

// Exceeds reports whether something took longer than a limit that holds on an idle machine.
// On a busy machine the limit is longer, in proportion to the time that a computation now
// takes beyond its CPU time.
func Exceeds(tb testing.TB, took, limit time.Duration) bool {
	tb.Helper()
	return took > limit && float64(took) > float64(limit)*slowdown(tb)
}

// slowdown returns the ratio of elapsed time to CPU time of a computation, at least 1.
func slowdown(tb testing.TB) float64 {
	tb.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	used := func() time.Duration {
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
			tb.Fatal(err)
		}
		return time.Duration(now.Nano())
	}
	const work = 100 * time.Millisecond
	begun, start := time.Now(), used()
	for used()-start < work { // each call uses CPU time
	}
	return max(1, float64(time.Since(begun))/float64(work))
}
