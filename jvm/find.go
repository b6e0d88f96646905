package jvm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/shirou/gopsutil/v3/common"
	"github.com/shirou/gopsutil/v3/process"

	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/threads"
)

var (
	// ErrNotJVM says that a process is no HotSpot JVM.
	ErrNotJVM = proc.ErrNotHotSpot
	// ErrGone says that the process ended (or never was).
	ErrGone = proc.ErrGone
)

// PIDs lists the processes that this PID namespace shows.
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

// withProc has gopsutil read the proc file system at procfs.
func withProc(ctx context.Context, procfs string) context.Context {
	return context.WithValue(ctx, common.EnvKey, common.EnvMap{common.HostProcEnvKey: procfs})
}

// nativeStack returns the size of stacks whose creator names none, in bytes: the
// limit of the process, or 2 MiB without one (glibc's ARCH_STACK_DEFAULT_SIZE). 0
// means that it cannot be read.
func nativeStack(procfs string, pid int) uint64 {
	p := process.Process{Pid: int32(pid)}
	limits, err := p.RlimitWithContext(withProc(context.Background(), procfs))
	if err != nil {
		return 0
	}
	for _, l := range limits {
		switch {
		case l.Resource != process.RLIMIT_STACK:
		case l.Soft == math.MaxUint64:
			return 2 << 20
		default:
			return l.Soft
		}
	}
	return 0
}

// Identify tells whether a process is a HotSpot JVM: one that has mapped a
// libjvm.so (so that any launcher counts), or, where its mappings may not be
// read, one with HotSpot's own threads. The library is nil in the second case.
// ErrNotJVM and ErrGone are the expected errors.
func Identify(procfs string, pid int) (*proc.Library, error) {
	dir := filepath.Join(procfs, strconv.Itoa(pid))
	f, err := os.Open(filepath.Join(dir, "maps"))
	if err == nil {
		defer f.Close()
		lib, err := proc.FindLibrary(f)
		if err != nil {
			return nil, fmt.Errorf("process %d: %w", pid, proc.Gone(pid, err))
		}
		return lib, nil
	}
	if !errors.Is(err, os.ErrPermission) {
		return nil, proc.Gone(pid, err)
	}
	list, err := threads.Read(procfs, pid)
	if err != nil {
		return nil, err
	}
	for _, t := range list {
		if t.Name == "VM Thread" { // vmThread.cpp; kept whole by every JDK
			return nil, nil // a JVM whose library may not be seen
		}
	}
	return nil, fmt.Errorf("process %d: %w", pid, ErrNotJVM)
}
