package cgroup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
	events *os.File // v1 memory.oom_control, v2 memory.events
	kernel *os.File // v1 memory.kmem.usage_in_bytes
}

// Level is what a cgroup is at, a part of Memory that is cheap to read. nil means
// that this kernel does not tell.
type Level struct {
	UsageBytes        int64  `json:"usage_bytes"`
	AnonBytes         *int64 `json:"anon_bytes"`
	FileBytes         *int64 `json:"file_bytes"` // with shmem
	ShmemBytes        *int64 `json:"shmem_bytes"`
	InactiveFileBytes *int64 `json:"inactive_file_bytes"`
	ActiveFileBytes   *int64 `json:"active_file_bytes"`
	// SlabReclaimableBytes is part of KernelBytes; nil on v1.
	SlabReclaimableBytes *int64 `json:"slab_reclaimable_bytes,omitempty"`
	KernelBytes          *int64 `json:"kernel_bytes"`
}

// UnreclaimableBytes returns what the kernel cannot take back without swap, a lower
// bound: usage without what Memory.ReclaimableBytes counts.
func (l Level) UnreclaimableBytes() *int64 {
	m := Memory{InactiveFileBytes: l.InactiveFileBytes, ActiveFileBytes: l.ActiveFileBytes, SlabReclaimableBytes: l.SlabReclaimableBytes}
	reclaimable := m.ReclaimableBytes()
	if reclaimable == nil {
		return nil
	}
	return new(max(l.UsageBytes-*reclaimable, 0))
}

// Meter opens the files of the cgroup: at most four descriptors, until Close.
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
	return m, nil
}

// Close releases the descriptors, and ends a wait.
func (m *Meter) Close() error {
	var errs []error
	for _, f := range []*os.File{m.usage, m.stat, m.events, m.kernel} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// Usage reads what is charged, in bytes. It allocates nothing.
func (m *Meter) Usage() (int64, error) { return m.number(m.usage) }

// Level reads usage and memory.stat, which makes the kernel add up what its CPUs
// counted: dearer than Usage.
func (m *Meter) Level() (Level, error) {
	stat, err := m.flat(m.stat)
	if err != nil {
		return Level{}, err
	}
	usage, err := m.Usage()
	if err != nil {
		return Level{}, err
	}
	if m.version == 2 {
		return Level{
			UsageBytes: usage, AnonBytes: stat.value("anon"), FileBytes: stat.value("file"), ShmemBytes: stat.value("shmem"),
			InactiveFileBytes: stat.value("inactive_file"), ActiveFileBytes: stat.value("active_file"),
			SlabReclaimableBytes: stat.value("slab_reclaimable"), KernelBytes: kernelV2(stat).TotalBytes,
		}, nil
	}
	level := Level{
		UsageBytes: usage, AnonBytes: stat.value("total_rss"), FileBytes: stat.value("total_cache"), ShmemBytes: stat.value("total_shmem"),
		InactiveFileBytes: stat.value("total_inactive_file"), ActiveFileBytes: stat.value("total_active_file"),
	}
	if m.kernel != nil {
		kernel, err := m.number(m.kernel)
		if err == nil {
			level.KernelBytes = &kernel
		} else if !errors.Is(err, unix.EOPNOTSUPP) { // not configured
			return level, err
		}
	}
	return level, nil
}

// OOMKills reads Events.OOMKills alone.
func (m *Meter) OOMKills() (*int64, error) {
	if m.events == nil {
		return nil, nil
	}
	events, err := m.flat(m.events)
	if err != nil {
		return nil, err
	}
	return events.value("oom_kill"), nil
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

// number reads a file with one number.
func (m *Meter) number(f *os.File) (int64, error) {
	var buf [24]byte // 19 digits and a line end
	n, err := f.ReadAt(buf[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, m.failed(f, err)
	}
	line, whole := bytes.CutSuffix(buf[:n], []byte("\n"))
	value, err := parseNumber(string(line))
	if err != nil || !whole {
		return 0, fail("parse", f.Name(), fmt.Errorf("%q is no number", string(buf[:n])))
	}
	return value, nil
}

// flat reads a flat-keyed file.
func (m *Meter) flat(f *os.File) (flat, error) {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, maxFile))
	if err != nil {
		return nil, m.failed(f, err)
	}
	return parseFlat(string(b)), nil
}

func (m *Meter) failed(f *os.File, err error) error {
	if vanished(err) {
		return fail("read", m.name, ErrGone)
	}
	return fail("read", f.Name(), err)
}
