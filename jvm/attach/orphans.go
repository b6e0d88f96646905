package attach

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/proc"
)

// drainBytes is what is read of a FIFO at a time: what a pipe holds by default.
const drainBytes = 64 << 10

// orphan is a FIFO of a HeapDump whose reader was killed.
type orphan struct {
	dir  int // descriptor of the JVM's /tmp
	name string
	fd   int  // open for reading; -1: none
	used bool // the JVM waits for it, writes it, or has written it
}

// release lets a JVM go on that waits for the reader of a heap dump: one that was killed
// before the JVM opened a FIFO. What it writes is discarded. After Options.Timeout its writes
// fail, and it goes on, too.
func (c *Client) release(ctx context.Context, p proc.Status) {
	tmp, err := c.tmp()
	if err != nil {
		return // connect reports it
	}
	defer tmp.Close()
	name := HeapDumpFile(c.target.NSPID)
	// The objects first: once the JVM goes on with the other one, it opens them.
	objects := adopt(int(tmp.Fd()), HeapDumpObjects(name), p)
	defer objects.close()
	dump := adopt(int(tmp.Fd()), name, p)
	defer dump.close()
	if dump.fd < 0 && objects.fd < 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	buffer := make([]byte, drainBytes)
	for {
		dump.read(buffer)
		objects.read(buffer)
		if ctx.Err() != nil || !dump.written() && (dump.used || !objects.written()) {
			return
		}
		wait := []unix.PollFd{{Fd: int32(dump.fd), Events: unix.POLLIN}, {Fd: int32(objects.fd), Events: unix.POLLIN}}
		_, _ = unix.Poll(wait, int(slowDelay.Milliseconds())) // an error only means that it did not wait
	}
}

// adopt opens a FIFO of the JVM's user without a reader. One that has a reader belongs to a
// jvmem that runs, and one that has none yet is not known to the JVM.
func adopt(dir int, name string, p proc.Status) *orphan {
	o := &orphan{dir: dir, name: name, fd: -1}
	const flags = unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NONBLOCK
	if !ownFIFO(p, func(st *unix.Stat_t) error { return unix.Fstatat(dir, name, st, unix.AT_SYMLINK_NOFOLLOW) }) {
		return o
	}
	if fd, err := unix.Openat(dir, name, unix.O_WRONLY|flags, 0); !errors.Is(err, unix.ENXIO) {
		if err == nil {
			_ = unix.Close(fd) // nothing was written
		}
		return o
	}
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|flags, 0)
	if err != nil {
		return o
	}
	o.fd = fd
	if !ownFIFO(p, func(st *unix.Stat_t) error { return unix.Fstat(fd, st) }) { // it was replaced
		o.close()
	}
	return o
}

func ownFIFO(p proc.Status, stat func(*unix.Stat_t) error) bool {
	var st unix.Stat_t
	return stat(&st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO && int64(st.Uid) == int64(p.UID)
}

// read discards what is in the FIFO now, and removes its name once the JVM has it: the JVM
// would open the objects again, to read them.
func (o *orphan) read(buffer []byte) {
	if o.fd < 0 {
		return
	}
	n, err := unix.Read(o.fd, buffer)
	switch {
	case n > 0, errors.Is(err, unix.EAGAIN):
		if !o.used {
			o.used = true
			_ = unix.Unlinkat(o.dir, o.name, 0) // it may be gone already
		}
	case errors.Is(err, unix.EINTR):
	case o.used, err != nil:
		o.close() // the JVM has closed it
	}
}

func (o *orphan) written() bool { return o.used && o.fd >= 0 }

func (o *orphan) close() {
	if o.fd >= 0 {
		_ = unix.Close(o.fd) // nothing was written
		o.fd = -1
	}
}
