package httpapi

import (
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// maxConns is far more than Prometheus, probes and people open. One takes some
	// 10 KB, with TLS some 50 KB.
	maxConns = 256
	// minStay is what each connection gets before it makes room for another one.
	minStay = 100 * time.Millisecond
)

// crowd is a listener that bounds how many connections are open: the oldest one makes
// room for a new one. So whoever holds connections open keeps nobody out; a client
// whose idle connection was closed opens another one.
type crowd struct {
	net.Listener

	mu   sync.Mutex
	open []*member // the oldest first
}

type member struct {
	net.Conn
	of    *crowd
	since time.Time
}

// Accept is for one goroutine, as net/http calls it.
func (c *crowd) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.makeRoom()
	m := &member{conn, c, time.Now()}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, m)
	return m, nil
}

func (c *crowd) makeRoom() {
	c.mu.Lock()
	var oldest *member
	if len(c.open) >= maxConns {
		oldest = c.open[0]
	}
	c.mu.Unlock()
	if oldest != nil {
		time.Sleep(minStay - time.Since(oldest.since))
		_ = oldest.Close() // it may have ended meanwhile
	}
}

func (m *member) Close() error {
	m.of.mu.Lock()
	if i := slices.Index(m.of.open, m); i >= 0 {
		m.of.open = slices.Delete(m.of.open, i, i+1)
	}
	m.of.mu.Unlock()
	return m.Conn.Close()
}
