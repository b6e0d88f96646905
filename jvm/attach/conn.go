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

const (
	// soon is how long a reply is waited for in a system call. Most come sooner, and Go's
	// poller takes more CPU time than the whole request: it wakes threads of the runtime.
	// It is better for longer waits, in which the runtime looks for blocked system calls
	// (sysmon of runtime/proc.go) all the time.
	soon = 500 * time.Microsecond
	// queueTime is how long one attempt to connect waits for room in the listener's queue:
	// HotSpot's has room for some five clients.
	queueTime = 20 * time.Millisecond
)

// conn is a connection to the listener. Its methods are for one goroutine, except cancel.
type conn struct {
	fd    int
	until time.Time // Read fails afterwards

	mu       sync.Mutex
	file     *os.File // fd in Go's poller; nil: not yet
	canceled bool
}

// connectTo connects to a socket. If its queue remains full the error is
// os.ErrDeadlineExceeded, or that of the context.
func connectTo(ctx context.Context, name string, until time.Time) (*conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	err = errors.Join(setTimeout(fd, unix.SO_SNDTIMEO, queueTime), setTimeout(fd, unix.SO_RCVTIMEO, soon))
	for again := err == nil; again; {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: name})
		again = errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR)
		switch {
		case !again:
		case ctx.Err() != nil:
			again, err = false, ctx.Err()
		case time.Now().After(until):
			again, err = false, os.ErrDeadlineExceeded
		}
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return &conn{fd: fd, until: until}, nil
}

// setTimeout sets SO_RCVTIMEO or SO_SNDTIMEO (socket(7)).
func setTimeout(fd, option int, d time.Duration) error {
	timeout := unix.NsecToTimeval(d.Nanoseconds())
	return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &timeout)
}

// peer returns the process that listens.
func (c *conn) peer() (*unix.Ucred, error) {
	return unix.GetsockoptUcred(c.fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
}

// Write sends a request, for which a new socket has room.
func (c *conn) Write(p []byte) (int, error) {
	for {
		n, err := unix.Write(c.fd, p)
		switch {
		case err == nil && n < len(p):
			err = io.ErrShortWrite
		case errors.Is(err, unix.EINTR):
			continue
		}
		return max(n, 0), err
	}
}

// Read implements io.Reader. Its error is os.ErrDeadlineExceeded also after cancel.
func (c *conn) Read(p []byte) (int, error) {
	for c.file == nil {
		if c.over() {
			return 0, os.ErrDeadlineExceeded
		}
		switch n, err := unix.Read(c.fd, p); {
		case errors.Is(err, unix.EAGAIN):
			if err := c.poll(); err != nil {
				return 0, err
			}
		case errors.Is(err, unix.EINTR): // also where a signal restarts other reads
		case err == nil && n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return max(n, 0), err
		}
	}
	return c.file.Read(p)
}

func (c *conn) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.canceled || time.Now().After(c.until)
}

// poll makes Read wait in Go's poller.
func (c *conn) poll() error {
	if err := unix.SetNonblock(c.fd, true); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.file = os.NewFile(uintptr(c.fd), "attach")
	if c.canceled {
		return os.ErrDeadlineExceeded
	}
	return c.file.SetReadDeadline(c.until)
}

// cancel ends Read.
func (c *conn) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.canceled = true
	if c.file != nil {
		_ = c.file.SetReadDeadline(time.Unix(1, 0)) // fails after Close only
	}
}

// Close closes the descriptor.
func (c *conn) Close() error {
	if c.file != nil {
		return c.file.Close()
	}
	return unix.Close(c.fd)
}
