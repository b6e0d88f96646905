package proc

import (
	"context"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Exit is how a process ended: one of the two is known.
type Exit struct {
	Code   *int            `json:"code,omitempty"`   // it exited, 0 to 255
	Signal *syscall.Signal `json:"signal,omitempty"` // that killed it
}

// reapTimeout is how long to wait for the parent: it is told of the end at the
// same moment as we are.
const reapTimeout = time.Second

// Exit returns how the process ended; call it when Wait has returned nil. nil:
// the kernel does not tell. Who may trace the process (its own user) learns it
// from stat until the parent has reaped it, anybody from the pidfd afterwards, on
// Linux 6.15 and newer. For that it waits, for a second at most.
// https://docs.kernel.org/filesystems/proc.html, include/uapi/linux/pidfd.h
func (h *Handle) Exit(ctx context.Context) *Exit {
	// 0 may mean that we may not know.
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

// withFD runs a system call on the descriptor, which a concurrent Close does not
// release meanwhile.
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
