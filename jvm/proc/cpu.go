package proc

import (
	"time"

	"golang.org/x/sys/unix"
)

// CPUTime returns the CPU time of all threads of a process, ended ones too, user and
// system, and whether it is known. It is one system call on the process' CPU clock, whose number is
// made of the PID (clock_getcpuclockid(3), include/linux/posix-timers_types.h). It needs no
// permission. The kernel visits each thread (thread_group_cputime of kernel/sched/cputime.c):
// 0.3 ms for 2000.
func CPUTime(pid int) (spent time.Duration, ok bool) {
	const cpuclockSched, bits = 2, 3
	var clock unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<bits|cpuclockSched), &clock); err != nil {
		return 0, false
	}
	return time.Duration(clock.Nano()), true
}
