package proc

import (
	"time"

	"golang.org/x/sys/unix"
)

// CPUTime returns the CPU time of all threads of a process, ended ones too, user and
// system, and whether it is known. It is one system call on the process' CPU clock, whose number is
// made of the PID (clock_getcpuclockid(3), include/linux/posix-timers_types.h). It needs no
// permission.
func CPUTime(pid int) (spent time.Duration, ok bool) {
	const cpuclockSched, bits = 2, 3
	var clock unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<bits|cpuclockSched), &clock); err != nil {
		return 0, false
	}
	return time.Duration(clock.Nano()), true
}

// CPUSeconds is CPUTime in seconds; nil: unknown.
func CPUSeconds(pid int) *float64 {
	spent, ok := CPUTime(pid)
	if !ok {
		return nil
	}
	return new(spent.Seconds())
}
