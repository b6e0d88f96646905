package cgroup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Meter reads over and over what a cgroup is at, through descriptors that are
// open before they are needed: a reading walks no path, and after an OOM kill the
// count can be read in the milliseconds before the cgroup is removed. It does not
// need its Group any more. Its methods may be called concurrently. Each fails with
// ErrGone once the cgroup was removed.
type Meter struct {
	name    string
	version int
	usage   *os.File
	stat    *os.File
	// These are nil where the kernel has no such file.
	events *os.File   // v1 memory.oom_control, v2 memory.events
	kernel *os.File   // v1 memory.kmem.usage_in_bytes
	limits []*os.File // v2 memory.max, of the ancestors too; v1 has them in memory.stat
}

// Meter opens the files of the cgroup, until Close: at most four descriptors, and on v2
// one more for its limit and that of each ancestor that is seen.
func (g *Group) Meter() (*Meter, error) {
	m := &Meter{name: g.name, version: g.Path.Version}
	// Only a descriptor that does not block can be waited for.
	events, flags := "memory.events", unix.O_NONBLOCK
	kernel := ""
	if m.version == 1 {
		events, flags = "memory.oom_control", 0
		kernel = "memory.kmem.usage_in_bytes"
	}
	for _, f := range []struct {
		to       **os.File
		name     string
		flags    int
		optional bool
	}{
		{&m.usage, g.usageFile(), 0, false},
		{&m.stat, "memory.stat", 0, false},
		{&m.events, events, flags, true},
		{&m.kernel, kernel, 0, true},
	} {
		if f.name == "" {
			continue
		}
		file, err := g.reopen(f.name, f.flags)
		if err != nil && (!f.optional || !errors.Is(err, fs.ErrNotExist)) {
			if errors.Is(err, fs.ErrNotExist) {
				err = g.unreadable(f.name, err)
			}
			return nil, errors.Join(err, m.Close())
		}
		*f.to = file
	}
	if err := m.openLimits(g); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *Meter) openLimits(g *Group) error {
	for up := 0; m.version == 2 && up <= g.above; up++ {
		file, err := g.reopen(strings.Repeat("../", up)+"memory.max", 0)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the root cgroup has no limits
		}
		if err != nil {
			return err
		}
		m.limits = append(m.limits, file)
	}
	return nil
}

// Close releases the descriptors, and ends a wait.
func (m *Meter) Close() error {
	var errs []error
	for _, f := range append([]*os.File{m.usage, m.stat, m.events, m.kernel}, m.limits...) {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// Usage reads what is charged, in bytes. It allocates nothing.
func (m *Meter) Usage() (int64, error) {
	var buf [numberBytes]byte
	return m.number(m.usage, buf[:])
}

// OOMKills reads Events.OOMKills alone.
func (m *Meter) OOMKills() (*int64, error) {
	var buf [flatBytes]byte
	n, ok, err := m.kills(buf[:])
	if err != nil {
		return nil, err
	}
	return known(n, ok), nil
}

func (m *Meter) kills(buf []byte) (n int64, ok bool, err error) {
	if m.events == nil {
		return 0, false, nil
	}
	text, err := m.read(m.events, buf)
	n, ok = flat(text).find("oom_kill")
	return n, ok, err
}

// WaitEvents waits for an event that nobody has seen yet: on v2 the kernel tells
// when the limit is hit and when it kills. OOMKills takes it as seen. On v1 the
// error is errors.ErrUnsupported: there only polling remains, since
// cgroup.event_control would have to be written. At most one may wait.
func (m *Meter) WaitEvents(ctx context.Context) error {
	if m.version == 1 || m.events == nil {
		return errors.ErrUnsupported
	}
	if err := m.events.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("%s: %w: %w", m.events.Name(), errors.ErrUnsupported, err)
	}
	conn, err := m.events.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = m.events.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	// The runtime sees all edges, also of an event that was seen meanwhile.
	err = conn.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}
		n, err := unix.Poll(fds, 0)
		return n > 0 && err == nil
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return os.ErrClosed // Read has no error of its own besides the deadline's
}

const (
	numberBytes = 24 // 19 digits and a line end
	// flatBytes is far above the longest, memory.stat, with 1 to 2 KiB.
	flatBytes = 4 << 10
)

// number reads a file with one number.
func (m *Meter) number(f *os.File, buf []byte) (int64, error) {
	text, err := m.read(f, buf[:numberBytes])
	if err != nil {
		return 0, err
	}
	line, whole := bytes.CutSuffix(text, []byte("\n"))
	value, err := parseNumber(string(line))
	if err != nil || !whole {
		return 0, fail("parse", f.Name(), fmt.Errorf("%q is no number", string(text)))
	}
	return value, nil
}

// read reads as much of a file as there is room for.
func (m *Meter) read(f *os.File, buf []byte) ([]byte, error) {
	n, err := f.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, m.failed(f, err)
	}
	return buf[:n], nil
}

func (m *Meter) failed(f *os.File, err error) error {
	if vanished(err) {
		return fail("read", m.name, ErrGone)
	}
	return fail("read", f.Name(), err)
}
