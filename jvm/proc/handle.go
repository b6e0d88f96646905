package proc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Handle refers to one process, also after it ended and its PID was given to another.
// Waiting occupies no thread. At most one goroutine may wait; Close may be called from
// another.
type Handle struct {
	pid int
	// pidfd signals the end at once. nil: before Linux 5.3, if a system call filter
	// forbids it, or if procfs belongs to another PID namespace.
	pidfd *os.File
	stat  *os.File // of its first thread
	// traceable: stat has the exit status. Otherwise it has 0.
	traceable bool
	// leaderless: the first thread had ended already, so its end does not matter.
	leaderless bool
}

// pollInterval is how often the state is read without a pidfd.
const pollInterval = 100 * time.Millisecond

// OpenHandle opens the process that started at that time; ErrGone if it ended. It needs
// no permission, and two descriptors.
func OpenHandle(procfs string, pid int, startTicks uint64) (*Handle, error) {
	h := &Handle{pid: pid, pidfd: openPidfd(procfs, pid)}
	var err error
	if h.stat, err = Open(filepath.Join(procfs, strconv.Itoa(pid), StatFile(pid))); err != nil {
		return nil, errors.Join(Gone(pid, err), h.Close())
	}
	// The process had this PID before the pidfd was opened, so the pidfd is its own.
	now, err := h.read()
	if err == nil && now.startTicks != startTicks {
		err = fmt.Errorf("process %d: %w: its PID was given to another process", pid, ErrGone)
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	h.traceable, h.leaderless = now.traceable, now.ending
	return h, nil
}

// openPidfd returns a pidfd that can be waited for; nil if there is none.
func openPidfd(procfs string, pid int) *os.File {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil
	}
	if unix.SetNonblock(fd, true) != nil || !refersTo(procfs, fd, pid) { // PIDFD_NONBLOCK needs Linux 5.10
		_ = unix.Close(fd)
		return nil
	}
	f := os.NewFile(uintptr(fd), "pidfd of "+strconv.Itoa(pid))
	if f.SetReadDeadline(time.Time{}) != nil { // the runtime cannot poll it
		_ = f.Close()
		return nil
	}
	return f
}

// refersTo reports whether procfs has the pidfd's process under this PID.
func refersTo(procfs string, fd, pid int) bool {
	info, err := Open(filepath.Join(procfs, "self/fdinfo", strconv.Itoa(fd)))
	if err != nil {
		return false
	}
	defer info.Close()
	for lines := bufio.NewScanner(io.LimitReader(info, maxStatBytes)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "Pid:"); ok {
			return strings.TrimSpace(value) == strconv.Itoa(pid)
		}
	}
	return false
}

// Close closes the descriptors and ends a wait.
func (h *Handle) Close() error {
	var errs []error
	for _, f := range []*os.File{h.pidfd, h.stat} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// Wait returns nil when the process has ended: its last thread exited, reaped or not.
// Other errors are the context's, and os.ErrClosed.
func (h *Handle) Wait(ctx context.Context) error {
	if h.pidfd != nil {
		return h.waitFor(ctx, unix.POLLIN)
	}
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		switch now, err := h.read(); {
		case errors.Is(err, ErrGone), err == nil && now.ended:
			return nil
		case err != nil:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// waitFor waits until poll(2) reports these events of the pidfd.
func (h *Handle) waitFor(ctx context.Context, events int16) error {
	conn, err := h.pidfd.SyscallConn()
	if err != nil {
		return err
	}
	if err := h.pidfd.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = h.pidfd.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = conn.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 0)
		return n > 0 && err == nil && fds[0].Revents&events != 0
	})
	switch {
	case err == nil:
		return nil // it ended, even if the context did too
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return os.ErrClosed // Read has no error of its own besides the deadline's
}

// Ending reports that the process is ending or has ended. After a kill, freeing much
// memory may take a while. It may be called while another goroutine waits.
func (h *Handle) Ending() bool {
	l, err := h.read()
	return err != nil || l.ending && !h.leaderless
}

// last holds the stat of a process that may have ended.
type last struct {
	startTicks uint64
	ending     bool // its first thread is
	ended      bool // with all of its threads
	traceable  bool
	status     syscall.WaitStatus
}

func (h *Handle) read() (last, error) {
	l, err := parseLast(io.NewSectionReader(h.stat, 0, maxStatBytes))
	if err != nil {
		return last{}, Gone(h.pid, err)
	}
	return l, nil
}

// parseLast reads fields 9 flags (PF_EXITING of include/linux/sched.h), 20 num_threads,
// 22 starttime, 26 startcode (1 without permission to trace the process) and 52
// exit_code (0 without permission).
func parseLast(r io.Reader) (last, error) {
	const flags, numThreads, startTime, startCode, exitCode = 9, 20, 22, 26, 52
	fields, err := statFields(r, exitCode)
	if err != nil {
		return last{}, err
	}
	numbers := make(map[int]uint64)
	for _, i := range []int{flags, numThreads, startTime, startCode, exitCode} {
		if numbers[i], err = strconv.ParseUint(fields[i-firstField], 10, 64); err != nil {
			return last{}, fmt.Errorf("field %d: %w", i, err)
		}
	}
	state := fields[0]
	return last{
		startTicks: numbers[startTime],
		ending:     numbers[flags]&pfExiting != 0,
		// The first thread may end before the others: it is a zombie then.
		ended:     state == "X" || state == "Z" && numbers[numThreads] <= 1,
		traceable: numbers[startCode] > 1,
		status:    syscall.WaitStatus(numbers[exitCode]),
	}, nil
}
