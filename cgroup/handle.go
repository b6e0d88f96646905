package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Handle holds files of a cgroup that are open before they are needed, so that after an
// OOM kill the count can be read in the milliseconds before the cgroup is removed. It no
// longer needs its Group. Its methods may be called concurrently. Each fails with
// ErrGone once the cgroup was removed.
type Handle struct {
	name  string
	names lightFiles
	// files are those of names; a kernel may lack memory.events, or the v1 file of kernel
	// memory.
	files map[string]*os.File
}

// Handle opens the files of a Reading, until Close: at most four descriptors, and on v2
// one more for the limit of each ancestor that is visible.
func (g *Group) Handle() (*Handle, error) {
	h := &Handle{name: g.name, names: g.lightFiles(), files: make(map[string]*os.File)}
	required := []string{h.names.usage, h.names.stat}
	for _, name := range slices.Concat(required, []string{h.names.events, h.names.kernel}, h.names.limits) {
		if name == "" {
			continue
		}
		flags := 0
		if name == "memory.events" {
			flags = unix.O_NONBLOCK // only such a descriptor can be waited for
		}
		file, err := g.reopen(name, flags)
		missing := errors.Is(err, fs.ErrNotExist)
		switch {
		case err == nil:
			h.files[name] = file
		case !missing:
			return nil, errors.Join(err, h.Close())
		case slices.Contains(required, name):
			return nil, errors.Join(g.unreadable(name, err), h.Close())
		}
	}
	return h, nil
}

// Close releases the descriptors, and ends a wait.
func (h *Handle) Close() error {
	var errs []error
	for _, f := range h.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Usage reads the charged memory in bytes. It allocates nothing.
func (h *Handle) Usage() (int64, error) {
	var buf [numberBytes]byte
	n, err := number(h.read(h.names.usage, buf[:]))
	if err != nil {
		return 0, h.failed(err)
	}
	return n, nil
}

// OOMKills reads Events.OOMKills only.
func (h *Handle) OOMKills() (*int64, error) {
	var buf [flatBytes]byte
	text, err := h.read(h.names.events, buf[:])
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, h.failed(err)
	}
	return flat(text).value("oom_kill"), nil
}

// Read reads all values of a Reading. It is more expensive than Usage: the kernel adds up
// the counts of its CPUs. After an error no value is known.
func (h *Handle) Read(r *Reading) error {
	if err := r.fill(&h.names, h.read); err != nil {
		return h.failed(err)
	}
	return nil
}

func (h *Handle) read(file string, buf []byte) ([]byte, error) {
	f := h.files[file]
	if f == nil {
		return nil, fs.ErrNotExist
	}
	return readAt(f, buf)
}

func (h *Handle) failed(err error) error {
	if errors.Is(err, unix.ENODEV) {
		return fail("read", h.name, ErrGone)
	}
	return fail("read", h.name, err)
}

// WaitEvents waits for a new event: on v2 the kernel notifies when the limit is hit and
// when it kills. OOMKills acknowledges it. On v1 the error is errors.ErrUnsupported: there
// the counter must be polled, since cgroup.event_control would have to be written. At most
// one goroutine may wait.
func (h *Handle) WaitEvents(ctx context.Context) error {
	events := h.files["memory.events"]
	if events == nil {
		return errors.ErrUnsupported
	}
	if err := events.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("%s: %w: %w", events.Name(), errors.ErrUnsupported, err)
	}
	conn, err := events.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = events.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	// The runtime reports every edge, also that of an event that was acknowledged meanwhile.
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
