package jvm

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ErrGone says that the process ended (or never was).
var ErrGone = errors.New("no such process")

// Status is what anybody may read of a process: /proc/<pid>/status and stat
// (Documentation/filesystems/proc.rst).
type Status struct {
	PID   int
	NSPID int // in the process' own PID namespace
	// Command is the name of the program, cut at 15 characters by the kernel.
	Command string
	State   byte // R, S, D, T (stopped), t (traced), Z (zombie), X
	UID     int  // effective
	GID     int  // effective
	Threads int
	// StartTicks is when the process started, in clock ticks since boot: with
	// the PID it names one process for ever.
	StartTicks uint64
	// PageTablesBytes is VmPTE: the process' page tables, charged as kernel memory.
	PageTablesBytes int64
	// KernelThread processes have no memory of their own.
	KernelThread bool
}

// ReadStatus reads the status of a process; ErrGone if there is none.
func ReadStatus(proc string, pid int) (Status, error) {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	text, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return Status{}, gone(pid, err)
	}
	s, err := parseStatus(text)
	if err != nil {
		return Status{}, fmt.Errorf("%s/status: %w", dir, err)
	}
	s.PID = pid
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Status{}, gone(pid, err)
	}
	if s.StartTicks, err = parseStartTicks(stat); err != nil {
		return Status{}, fmt.Errorf("%s/stat: %w", dir, err)
	}
	return s, nil
}

// gone turns the errors that a vanished process gives into ErrGone.
func gone(pid int, err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	return err
}

func parseStatus(text []byte) (Status, error) {
	s := Status{KernelThread: true}
	var bad error
	for line := range bytes.Lines(text) {
		if line[len(line)-1] != '\n' {
			bad = fmt.Errorf("line %.40q is cut", line)
			break
		}
		name, rest, _ := bytes.Cut(line, []byte(":"))
		value := strings.TrimSpace(string(rest))
		fields := strings.Fields(value)
		number := func(i int) int {
			if i < 0 || i >= len(fields) {
				bad = fmt.Errorf("field %s is cut: %q", name, value)
				return 0
			}
			n, err := strconv.Atoi(fields[i])
			if err != nil {
				bad = fmt.Errorf("field %s: %w", name, err)
			}
			return n
		}
		switch string(name) {
		case "Name":
			s.Command = value
		case "State":
			if value != "" {
				s.State = value[0]
			}
		case "Uid":
			s.UID = number(1)
		case "Gid":
			s.GID = number(1)
		case "NSpid":
			s.NSPID = number(len(fields) - 1)
		case "Threads":
			s.Threads = number(0)
		case "VmSize":
			s.KernelThread = false
		case "VmPTE":
			s.PageTablesBytes = int64(number(0)) << 10
		}
	}
	if bad == nil && (s.State == 0 || s.Threads == 0) {
		bad = errors.New("not a process status")
	}
	return s, bad
}

// parseStartTicks returns field 22. The command, field 2, stands in
// parentheses and may hold anything.
func parseStartTicks(stat []byte) (uint64, error) {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, errors.New("no command in parentheses")
	}
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) < 20 {
		return 0, fmt.Errorf("%d fields after the command, want at least 20", len(fields))
	}
	return strconv.ParseUint(fields[19], 10, 64)
}
