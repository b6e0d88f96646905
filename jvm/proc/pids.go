package proc

import (
	"context"
	"fmt"
	"math"

	"github.com/shirou/gopsutil/v3/common"
	"github.com/shirou/gopsutil/v3/process"
	"golang.org/x/sys/unix"
)

// PIDs lists the processes of the PID namespace that procfs shows.
func PIDs(ctx context.Context, procfs string) ([]int, error) {
	pids, err := process.PidsWithContext(withProc(ctx, procfs))
	if err != nil {
		return nil, fmt.Errorf("list processes in %s: %w", procfs, err)
	}
	out := make([]int, len(pids))
	for i, pid := range pids {
		out[i] = int(pid)
	}
	return out, nil
}

// withProc makes gopsutil read the proc file system at procfs.
func withProc(ctx context.Context, procfs string) context.Context {
	return context.WithValue(ctx, common.EnvKey, common.EnvMap{common.HostProcEnvKey: procfs})
}

// defaultStackBytes is the stack size of a thread where neither its creator nor the
// process' limit sets one (glibc's ARCH_STACK_DEFAULT_SIZE).
const defaultStackBytes = 2 << 20

// StackBytes returns the size of a stack whose creator sets none: the process' soft
// limit (RLIMIT_STACK), or glibc's default where that is unlimited. 0: unknown.
func StackBytes(procfs string, pid int) uint64 {
	p := process.Process{Pid: int32(pid)}
	limits, err := p.RlimitWithContext(withProc(context.Background(), procfs))
	if err != nil {
		return 0
	}
	for _, l := range limits {
		switch {
		case l.Resource != process.RLIMIT_STACK:
		case l.Soft == math.MaxUint64:
			return defaultStackBytes
		default:
			return l.Soft
		}
	}
	return 0
}

// Uptime returns the age of a process that started at that clock tick, in seconds;
// nil: unknown.
func Uptime(startTicks uint64) *float64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return nil
	}
	const ticksPerSecond = 100 // USER_HZ: the same on every architecture
	age := float64(now.Nano())/1e9 - float64(startTicks)/ticksPerSecond
	if age < 0 {
		return nil
	}
	return &age
}
