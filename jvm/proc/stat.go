package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
)

// maxStatBytes is far above 51 numbers and a name.
const maxStatBytes = 16 << 10

// firstField is the number of the first field after the name.
const firstField = 3

// pfExiting is PF_EXITING of include/linux/sched.h.
const pfExiting = 0x4

// Stat is some of /proc/<pid>/stat (Documentation/filesystems/proc.rst, table 1-4).
type Stat struct {
	State byte // field 3
	// Exiting is set in field 9 (flags): the first thread is ending. It is set before
	// its files are closed, and before it is a zombie.
	Exiting    bool
	CPUTicks   uint64 // fields 14 and 15: CPU time in user and kernel mode, in clock ticks
	StartTicks uint64 // field 22, in clock ticks since boot
	SizeBytes  uint64 // field 23, of the address space
	// StackStart is where the main stack begins, field 28: exec changes it (address
	// space randomization). 0 without permission to read the process' memory.
	StackStart uint64
}

// StatFile is the name of the stat of a process' first thread, below /proc/<pid>. It
// has the same fields as that of the process but for CPU times, for which the kernel
// visits all threads (do_task_stat of fs/proc/array.c).
func StatFile(pid int) string { return filepath.Join("task", strconv.Itoa(pid), "stat") }

// readStat reads the stat of a process' first thread.
func readStat(procfs string, pid int) (Stat, error) {
	var s Stat
	err := read(filepath.Join(procfs, strconv.Itoa(pid), StatFile(pid)), func(r io.Reader) (err error) {
		s, err = ParseStat(r)
		return err
	})
	return s, err
}

// ParseStat parses /proc/<pid>/stat, or that of a thread.
func ParseStat(r io.Reader) (Stat, error) {
	const flags, user, system, startTime, size, startStack = 9, 14, 15, 22, 23, 28
	fields, err := statFields(r, startTime)
	if err != nil {
		return Stat{}, err
	}
	s := Stat{State: fields[0][0]}
	if s.StartTicks, err = strconv.ParseUint(fields[startTime-firstField], 10, 64); err != nil {
		return Stat{}, fmt.Errorf("start time: %w", err)
	}
	for _, field := range []int{user, system} {
		ticks, err := strconv.ParseUint(fields[field-firstField], 10, 64)
		if err != nil {
			return Stat{}, fmt.Errorf("CPU time: %w", err)
		}
		s.CPUTicks += ticks
	}
	set, err := strconv.ParseUint(fields[flags-firstField], 10, 64)
	if err != nil {
		return Stat{}, fmt.Errorf("flags: %w", err)
	}
	s.Exiting = set&pfExiting != 0
	if len(fields) > size-firstField {
		if s.SizeBytes, err = strconv.ParseUint(fields[size-firstField], 10, 64); err != nil {
			return Stat{}, fmt.Errorf("size: %w", err)
		}
	}
	if len(fields) > startStack-firstField {
		if s.StackStart, err = strconv.ParseUint(fields[startStack-firstField], 10, 64); err != nil {
			return Stat{}, fmt.Errorf("start of the stack: %w", err)
		}
	}
	return s, nil
}

// statFields returns the fields after the name, at least up to that number. The name,
// in parentheses, may contain anything, also parentheses and line ends.
func statFields(r io.Reader, until int) ([]string, error) {
	text, err := io.ReadAll(&bounded{r, maxStatBytes})
	if err != nil {
		return nil, err
	}
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return nil, errors.New("no name in parentheses")
	}
	if text[len(text)-1] != '\n' {
		return nil, errors.New("the line is truncated")
	}
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) <= until-firstField || len(fields[0]) != 1 {
		return nil, fmt.Errorf("%d fields after the name, want at least %d", len(fields), until-firstField+1)
	}
	return fields, nil
}
