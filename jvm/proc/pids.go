package proc

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/shirou/gopsutil/v3/common"
	"github.com/shirou/gopsutil/v3/process"
	"golang.org/x/sys/unix"
)

// Entry is a process in a listing of procfs.
type Entry struct {
	PID int
	// Inode is that of its folder. It changes if the PID is given to another process, and
	// sometimes without that. 0: unknown.
	Inode uint64
}

// PIDs lists the processes of the PID namespace that procfs shows, in ascending order.
func PIDs(procfs string) ([]int, error) {
	entries, err := List(procfs)
	return PIDsOf(entries), err
}

// PIDsOf returns the PIDs of entries.
func PIDsOf(entries []Entry) []int {
	pids := make([]int, len(entries))
	for i := range entries {
		pids[i] = entries[i].PID
	}
	return pids
}

// List is PIDs with the inodes.
func List(procfs string) ([]Entry, error) {
	dir, err := Open(procfs)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer dir.Close()
	var entries []Entry
	buf := make([]byte, 8<<10)
	for {
		n, err := unix.Getdents(int(dir.Fd()), buf)
		if err != nil {
			return nil, fmt.Errorf("list processes in %s: %w", procfs, err)
		}
		if n == 0 {
			slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.PID, b.PID) })
			return entries, nil
		}
		entries = appendProcesses(entries, buf[:n])
	}
}

// appendProcesses appends those of struct linux_dirent64 (getdents(2)) whose names are PIDs. Of
// the others, some 60 files, no string is made.
func appendProcesses(entries []Entry, text []byte) []Entry {
	const inodeAt, lengthAt, nameAt = 0, 16, 19
	for len(text) > nameAt {
		length := int(binary.NativeEndian.Uint16(text[lengthAt:]))
		if length <= nameAt || length > len(text) {
			break
		}
		inode := binary.NativeEndian.Uint64(text[inodeAt:])
		name, _, _ := bytes.Cut(text[nameAt:length], []byte{0})
		text = text[length:]
		if len(name) == 0 || name[0] < '0' || name[0] > '9' {
			continue
		}
		if pid, err := strconv.Atoi(string(name)); err == nil {
			entries = append(entries, Entry{pid, inode})
		}
	}
	return entries
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

// TicksPerSecond is USER_HZ: the same on every architecture.
const TicksPerSecond = 100

// Uptime returns the age of a process that started at that clock tick, in seconds;
// nil: unknown.
func Uptime(startTicks uint64) *float64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return nil
	}
	age := float64(now.Nano())/1e9 - float64(startTicks)/TicksPerSecond
	if age < 0 {
		return nil
	}
	return &age
}
