package httpapi

import (
	"net"
	"slices"
	"sync"
	"time"

	"github.com/jvmem/jvmem/jvm"
)

const (
	// maxConns is far more than Prometheus, probes and people open. A connection takes
	// some 10 KB, with TLS some 50 KB.
	maxConns = 256
	// minAge is the age from which on a connection may be closed for a new one.
	minAge = 100 * time.Millisecond
)

// connectionLimiter is a listener that bounds the number of open connections: it closes
// the oldest one for a new one. Clients that hold connections open therefore cannot
// lock others out; a client whose idle connection was closed opens another one. It accepts
// from its reserve if there are no other descriptors, and then the oldest one's.
type connectionLimiter struct {
	net.Listener
	reserve reserve

	mu   sync.Mutex
	open []*limitedConn // the oldest first
}

type limitedConn struct {
	net.Conn
	limiter *connectionLimiter
	since   time.Time
}

// Accept is for one goroutine, as net/http calls it.
func (l *connectionLimiter) Accept() (net.Conn, error) {
	l.reserve.fill()
	conn, err := l.Listener.Accept()
	for jvm.NoDescriptor(err) && awaitClient(l.Listener) && (l.reserve.give() || l.makeRoom(0)) {
		conn, err = l.Listener.Accept()
	}
	if err != nil {
		return nil, err
	}
	l.makeRoom(maxConns - 1)
	c := &limitedConn{conn, l, time.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, c)
	return c, nil
}

// makeRoom closes the oldest connection if there are more than most; false: there are not.
func (l *connectionLimiter) makeRoom(most int) bool {
	l.mu.Lock()
	var oldest *limitedConn
	if len(l.open) > most {
		oldest = l.open[0]
	}
	l.mu.Unlock()
	if oldest == nil {
		return false
	}
	time.Sleep(minAge - time.Since(oldest.since))
	_ = oldest.Close() // it may be closed already
	return true
}

// Close closes the listener and gives up the reserve.
func (l *connectionLimiter) Close() error {
	l.reserve.close()
	return l.Listener.Close()
}

func (c *limitedConn) Close() error {
	l := c.limiter
	l.mu.Lock()
	if i := slices.Index(l.open, c); i >= 0 {
		l.open = slices.Delete(l.open, i, i+1)
	}
	l.mu.Unlock()
	err := c.Conn.Close()
	l.reserve.fill()
	return err
}
