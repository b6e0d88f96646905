package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ErrGone means that the process ended (or never existed).
var ErrGone = errors.New("no such process")

// Gone returns ErrGone for the errors of a process that ended, and other errors unchanged.
func Gone(pid int, err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	return err
}

// Status is the part of a process's state that every user may read.
type Status struct {
	PID   int
	NSPID int // in the process' own PID namespace; 0: unknown
	// Command is the name of the program, cut at 15 characters by the kernel.
	Command string
	State   byte // R, S, D, T (stopped), t (traced), Z (zombie), X
	UID     int  // effective, in the reader's user namespace
	GID     int  // effective, in the reader's user namespace
	Threads int  // at least 1
	// StartTicks is when the process started, in clock ticks since boot. It
	// distinguishes the process from others with the same PID.
	StartTicks uint64
	// StackStart is as in Stat.
	StackStart uint64
	// PageTablesBytes is VmPTE: the process' page tables, charged as kernel memory.
	PageTablesBytes int64
	// RssAnonBytes, RssFileBytes, RssShmemBytes and SwapBytes (VmSwap) are resident and
	// in swap by the kernel's counters, which lag by up to 2 * CPUs^2 pages (struct
	// percpu_counter). They show that something changed, and are not exact.
	RssAnonBytes, RssFileBytes, RssShmemBytes, SwapBytes int64
	// HugetlbBytes is explicit huge pages, which no cgroup counts as memory by default.
	HugetlbBytes int64
	// KernelThread processes have no memory of their own.
	KernelThread bool
	// CatchesQuit: the process has a handler for SIGQUIT. Without one, the signal kills
	// it.
	CatchesQuit bool
}

const (
	// maxStatusBytes is above what a process with the most supplementary groups has.
	maxStatusBytes = 1 << 20
	sigQuitMask    = 1 << (uint(syscall.SIGQUIT) - 1)
)

// ReadStatus reads status and stat of a process.
func ReadStatus(procfs string, pid int) (Status, error) {
	dir := filepath.Join(procfs, strconv.Itoa(pid))
	var s Status
	err := read(filepath.Join(dir, "status"), func(r io.Reader) (err error) {
		s, err = ParseStatus(r)
		return err
	})
	if err == nil {
		var stat Stat
		stat, err = readStat(procfs, pid, make([]byte, usualStatBytes))
		s.StartTicks, s.StackStart = stat.StartTicks, stat.StackStart
	}
	if err != nil {
		return Status{}, Gone(pid, err)
	}
	s.PID = pid
	return s, nil
}

// HasMemory reports whether a process still has memory of its own: one that dies frees
// it before it ends. It reads only statm.
func HasMemory(procfs string, pid int) bool {
	has := false
	err := read(filepath.Join(procfs, strconv.Itoa(pid), "statm"), func(r io.Reader) error {
		var text [64]byte
		n, _ := r.Read(text[:])
		size, _, _ := bytes.Cut(text[:n], []byte{' '})
		pages, err := strconv.ParseUint(string(size), 10, 64)
		has = pages > 0
		return err
	})
	return err == nil && has
}

// OwnNamespace reports whether procfs belongs to the PID namespace of this process, so that
// its PIDs are those of system calls. Before Linux 4.1 it is not known, and taken to be so.
func OwnNamespace(procfs string) (own bool, err error) {
	own = true
	err = read(filepath.Join(procfs, "self", "status"), func(r io.Reader) error {
		lines := scanLines(r, maxStatusBytes, maxStatusBytes)
		for lines.Scan() {
			if ids, ok := strings.CutPrefix(lines.Text(), "NSpid:"); ok {
				own = len(strings.Fields(ids)) == 1 // one for each namespace from that of procfs on
			}
		}
		return lines.Err()
	})
	if errors.Is(err, os.ErrNotExist) { // this process is not visible there
		return false, nil
	}
	return own, err
}

func read(path string, parse func(io.Reader) error) error {
	f, err := OpenShort(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := parse(f); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// ParseStatus parses the status of a process or of one of its threads (task/*/status).
// PID, StartTicks and StackStart are left 0. ErrGone: the process ended before its status
// was written.
func ParseStatus(r io.Reader) (Status, error) {
	s := Status{KernelThread: true}
	seen := make(map[string]bool)
	lines := scanLines(r, maxStatusBytes, maxStatusBytes)
	for lines.Scan() {
		// Only what is needed becomes a string: the file is read often.
		name, text, ok := bytes.Cut(lines.Bytes(), []byte{':'})
		if !ok || seen[string(name)] {
			continue
		}
		value := func() string { return strings.TrimSpace(string(text)) }
		fields := func() []string { return strings.Fields(string(text)) }
		var err error
		switch string(name) {
		case "Name":
			s.Command = value()
		case "State":
			state := fields()
			if len(state) == 0 || len(state[0]) != 1 {
				err = fmt.Errorf("%.40q", text)
				break
			}
			s.State = state[0][0]
		case "Uid":
			s.UID, err = effective(fields())
		case "Gid":
			s.GID, err = effective(fields())
		case "NSpid":
			ids := fields()
			s.NSPID, err = number(ids, len(ids)-1)
			if err == nil && s.NSPID == 0 {
				err = errors.New("0 is not a PID")
			}
		case "Threads":
			s.Threads, err = number(fields(), 0)
		case "SigCgt":
			var mask uint64
			mask, err = strconv.ParseUint(value(), 16, 64)
			s.CatchesQuit = mask&sigQuitMask != 0
		case "VmSize":
			s.KernelThread = false
		case "VmPTE":
			s.PageTablesBytes, err = kibibytes(fields())
		case "RssAnon":
			s.RssAnonBytes, err = kibibytes(fields())
		case "RssFile":
			s.RssFileBytes, err = kibibytes(fields())
		case "RssShmem":
			s.RssShmemBytes, err = kibibytes(fields())
		case "VmSwap":
			s.SwapBytes, err = kibibytes(fields())
		case "HugetlbPages":
			s.HugetlbBytes, err = kibibytes(fields())
		default:
			continue
		}
		if err != nil {
			return Status{}, fmt.Errorf("field %s: %w", name, err)
		}
		seen[string(name)] = true
	}
	if err := lines.Err(); err != nil {
		return Status{}, err
	}
	for _, name := range []string{"State", "Uid", "Gid", "Threads", "SigCgt"} {
		if !seen[name] {
			return Status{}, fmt.Errorf("no field %s", name)
		}
	}
	if s.Threads == 0 { // task_sig (fs/proc/array.c) found it released
		return Status{}, ErrGone
	}
	return s, nil
}

// effective takes the second of real, effective, saved, filesystem.
func effective(fields []string) (int, error) {
	if len(fields) != 4 {
		return 0, fmt.Errorf("%d IDs, not 4", len(fields))
	}
	return number(fields, 1)
}

func kibibytes(fields []string) (bytes int64, err error) {
	kib, err := number(fields, 0)
	return int64(kib) << 10, err
}

func number(fields []string, i int) (int, error) {
	if i < 0 || i >= len(fields) {
		return 0, errors.New("no value")
	}
	n, err := strconv.ParseUint(fields[i], 10, 32)
	return int(n), err
}
