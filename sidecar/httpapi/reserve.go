package httpapi

import (
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// reserved is how many clients are answered at a time where observing JVMs has used up
	// the descriptors: a browser opens six connections.
	reserved = 8
	// clientPoll is how often a wait for a client checks that the listener is open, in ms.
	clientPoll = 200
)

// reserve holds descriptors for clients.
type reserve struct {
	mu     sync.Mutex
	held   []int
	closed bool
}

// fill takes descriptors, as long as there are any.
func (r *reserve) fill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.held) < reserved && !r.closed {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			return
		}
		r.held = append(r.held, fd)
	}
}

// give gives up a descriptor; false: there is none left.
func (r *reserve) give() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.held) == 0 {
		return false
	}
	_ = unix.Close(r.held[len(r.held)-1]) // nothing was written
	r.held = r.held[:len(r.held)-1]
	return true
}

func (r *reserve) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	for r.give() {
	}
}

// awaitClient waits for a client: the kernel refuses to accept without a descriptor even if
// there is none. It returns false if the listener was closed.
func awaitClient(l net.Listener) bool {
	s, ok := l.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	for err == nil {
		n := 0
		err = raw.Control(func(fd uintptr) {
			n, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, clientPoll)
		})
		if err == nil && n > 0 {
			return true
		}
	}
	return false
}
