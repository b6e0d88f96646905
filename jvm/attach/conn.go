package attach

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// conn is a connection to the listener. The kernel bounds its operations, not Go's poller,
// which wakes threads of the Go runtime: that takes more CPU time than a request. Close may
// not be called while another operation runs, cancel at any time.
type conn struct {
	fd    int
	until time.Time // for all operations

	mu       sync.Mutex
	closed   bool
	canceled bool
}

// queueTime is how long one attempt to connect waits for room in the listener's queue:
// HotSpot's has room for some five clients. The kernel cannot be told to stop waiting, so
// each attempt is short.
const queueTime = 20 * time.Millisecond

// connectTo connects to a socket, while ctx has not ended. If its queue remains full the
// error is os.ErrDeadlineExceeded.
func connectTo(ctx context.Context, name string, until time.Time) (*conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	c := &conn{fd: fd, until: until}
	if err = setTimeout(fd, unix.SO_SNDTIMEO, queueTime); err == nil {
		err = c.connect(ctx, name)
	}
	if err != nil {
		_ = c.Close() // nothing was written
		return nil, err
	}
	return c, nil
}

func (c *conn) connect(ctx context.Context, name string) error {
	for {
		err := unix.Connect(c.fd, &unix.SockaddrUnix{Name: name})
		switch {
		case !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(c.until):
			return os.ErrDeadlineExceeded
		}
	}
}

// peer returns the process that listens.
func (c *conn) peer() (*unix.Ucred, error) {
	return unix.GetsockoptUcred(c.fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
}

// Read implements io.Reader. Its error is os.ErrDeadlineExceeded also after cancel.
func (c *conn) Read(p []byte) (int, error) {
	return c.do(unix.SO_RCVTIMEO, func() (int, error) {
		n, err := unix.Read(c.fd, p)
		if n == 0 && err == nil && len(p) > 0 {
			err = io.EOF
		}
		return n, err
	})
}

// Write implements io.Writer.
func (c *conn) Write(p []byte) (int, error) {
	for written := 0; ; {
		n, err := c.do(unix.SO_SNDTIMEO, func() (int, error) { return unix.Write(c.fd, p[written:]) })
		if written += n; err != nil || written == len(p) {
			return written, err
		}
	}
}

// do runs a system call with the time that is left.
func (c *conn) do(option int, call func() (int, error)) (int, error) {
	for {
		left := time.Until(c.until)
		if left <= 0 {
			return 0, os.ErrDeadlineExceeded
		}
		if err := setTimeout(c.fd, option, left); err != nil {
			return 0, err
		}
		n, err := call()
		c.mu.Lock()
		canceled := c.canceled
		c.mu.Unlock()
		switch {
		case canceled, errors.Is(err, unix.EAGAIN): // the time is over
			return max(n, 0), os.ErrDeadlineExceeded
		case !errors.Is(err, unix.EINTR): // a socket with a timeout is not read again after a signal
			return max(n, 0), err
		}
	}
}

// setTimeout sets SO_RCVTIMEO or SO_SNDTIMEO, of at least a microsecond: 0 means none.
func setTimeout(fd, option int, d time.Duration) error {
	timeout := unix.NsecToTimeval(max(d, time.Microsecond).Nanoseconds())
	return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &timeout)
}

// cancel ends the present operation.
func (c *conn) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.canceled = true; !c.closed {
		_ = unix.Shutdown(c.fd, unix.SHUT_RDWR) // the peer may have closed it
	}
}

// Close closes the descriptor.
func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return unix.Close(c.fd)
}
