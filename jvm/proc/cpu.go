package proc

import "golang.org/x/sys/unix"

// CPUSeconds returns the CPU time of all threads of a process, ended ones too, user and
// system; nil: unknown. It is one system call on the process' CPU clock, whose number is
// made of the PID (clock_getcpuclockid(3), include/linux/posix-timers_types.h). It needs no
// permission.
func CPUSeconds(pid int) *float64 {
	const cpuclockSched, bits = 2, 3
	var spent unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<bits|cpuclockSched), &spent); err != nil {
		return nil
	}
	return new(float64(spent.Nano()) / 1e9)
}
