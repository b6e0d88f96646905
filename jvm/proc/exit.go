package proc

import (
	"context"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Exit is how a process ended: one of the two is set.
type Exit struct {
	Code   *int            `json:"code,omitempty"`   // it exited, 0 to 255
	Signal *syscall.Signal `json:"signal,omitempty"` // the signal that killed it
}

// reapTimeout bounds the wait for the parent, which is notified of the end at the same
// moment.
const reapTimeout = time.Second

// Exit returns how the process ended; call it after Wait has returned nil. nil:
// unknown. With permission to trace the process (its own user), stat has the exit
// status until the parent reaps it; afterwards the pidfd has it for everybody, on Linux
// 6.15 and newer. For that it waits for the parent, at most a second.
// https://docs.kernel.org/filesystems/proc.html, include/uapi/linux/pidfd.h
func (h *Handle) Exit(ctx context.Context) *Exit {
	// 0 may also mean: no permission.
	if l, err := h.read(); err == nil && l.ended && (h.traceable || l.status != 0) {
		return exitOf(l.status)
	}
	if h.pidfd == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reapTimeout)
	defer cancel()
	for {
		info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
		if err := withFD(h.pidfd, func(fd int) error { return unix.IoctlPidfdInfo(fd, &info) }); err != nil {
			return nil
		}
		if info.Mask&unix.PIDFD_INFO_EXIT != 0 {
			return exitOf(syscall.WaitStatus(info.Exit_code))
		}
		if h.waitFor(ctx, unix.POLLHUP) != nil { // reaped
			return nil
		}
	}
}

func exitOf(status syscall.WaitStatus) *Exit {
	switch {
	case status.Exited():
		return &Exit{Code: new(status.ExitStatus())}
	case status.Signaled():
		return &Exit{Signal: new(status.Signal())}
	}
	return nil
}

// withFD runs a system call on the descriptor. A concurrent Close does not close it
// before the call ends.
func withFD(f *os.File, call func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var callErr error
	if err := conn.Control(func(fd uintptr) { callErr = call(int(fd)) }); err != nil {
		return os.ErrClosed // the only error of Control
	}
	return callErr
}
