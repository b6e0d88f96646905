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

// usualStatBytes is three times the length of a stat.
const usualStatBytes = 1 << 10

// readStat reads the stat of a process' first thread, which the buffer has room for. It is
// read of every process in each sample, so it allocates the path only.
func readStat(procfs string, pid int, buf []byte) (Stat, error) {
	id := strconv.Itoa(pid)
	path := procfs + "/" + id + "/task/" + id + "/stat"
	f, err := OpenShort(path)
	if err != nil {
		return Stat{}, err
	}
	defer f.Close()
	n, err := f.Read(buf)
	if err != nil && !errors.Is(err, io.EOF) {
		return Stat{}, err
	}
	s, err := parseStat(buf[:n])
	if err != nil {
		return Stat{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// ParseStat parses /proc/<pid>/stat, or that of a thread.
func ParseStat(r io.Reader) (Stat, error) {
	text, err := io.ReadAll(&bounded{r, maxStatBytes})
	if err != nil {
		return Stat{}, err
	}
	return parseStat(text)
}

func parseStat(text []byte) (Stat, error) {
	const state, flags, user, system, startTime, size, startStack = firstField, 9, 14, 15, 22, 23, 28
	text, err := afterName(text)
	if err != nil {
		return Stat{}, err
	}
	var s Stat
	var numbers [startStack + 1]uint64
	field := firstField
	for text := range bytes.FieldsSeq(text) {
		switch field {
		case state:
			if len(text) != 1 {
				return Stat{}, fmt.Errorf("state %.40q", text)
			}
			s.State = text[0]
		case flags, user, system, startTime, size, startStack:
			if numbers[field], err = strconv.ParseUint(string(text), 10, 64); err != nil {
				return Stat{}, fmt.Errorf("field %d: %w", field, err)
			}
		}
		field++
	}
	if field <= startTime {
		return Stat{}, fmt.Errorf("%d fields after the name, want at least %d", field-firstField, startTime-firstField+1)
	}
	s.CPUTicks, s.Exiting = numbers[user]+numbers[system], numbers[flags]&pfExiting != 0
	s.StartTicks, s.SizeBytes, s.StackStart = numbers[startTime], numbers[size], numbers[startStack]
	return s, nil
}

// afterName returns the fields after the name, which stands in parentheses and may contain
// anything, also parentheses and line ends.
func afterName(text []byte) ([]byte, error) {
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return nil, errors.New("no name in parentheses")
	}
	if text[len(text)-1] != '\n' {
		return nil, errors.New("the line is truncated")
	}
	return text[end+1:], nil
}

// statFields returns the fields after the name, at least up to that number.
func statFields(r io.Reader, until int) ([]string, error) {
	text, err := io.ReadAll(&bounded{r, maxStatBytes})
	if err != nil {
		return nil, err
	}
	text, err = afterName(text)
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(text))
	if len(fields) <= until-firstField || len(fields[0]) != 1 {
		return nil, fmt.Errorf("%d fields after the name, want at least %d", len(fields), until-firstField+1)
	}
	return fields, nil
}
