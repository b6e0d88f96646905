package evidence

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm"
)

// fifoBytes is the room of a FIFO: the default limit of an unprivileged user.
const fifoBytes = 1 << 20

// fifo is a FIFO in a JVM's /tmp, for the JVM to write into. A JVM that opens one without a
// reader waits, and one that writes into a full one too: it has to be read until the JVM has
// replied.
//
// It is in the JVM's file system because the JVM cannot open a descriptor of jvmem, which is
// not dumpable, and must not be: who may open /proc/<pid>/fd may also enter /proc/<pid>/root,
// the file system of jvmem's container with its keys. That holds for a child process too.
type fifo struct {
	reader int    // does not block
	keeper int    // an end for writing: the JVM may open and close the FIFO meanwhile
	unlink func() // removes the name, once the JVM has opened it
}

// newFIFO creates a FIFO that only the JVM's user may open.
func newFIFO(p *jvm.Process, name string) (*fifo, error) {
	tmp, err := p.OpenTmp()
	if err != nil {
		return nil, err
	}
	dir := int(tmp.Fd())
	f := &fifo{reader: -1, keeper: -1}
	f.unlink = sync.OnceFunc(func() {
		_ = unix.Unlinkat(dir, name, 0) // the file system of a JVM that ended is gone
		_ = tmp.Close()                 // nothing was written
	})
	if err := f.open(dir, name, p); err != nil {
		f.close()
		return nil, fmt.Errorf("create /tmp/%s in the JVM's container: %w", name, err)
	}
	return f, nil
}

func (f *fifo) open(dir int, name string, p *jvm.Process) error {
	_ = unix.Unlinkat(dir, name, 0) // of a jvmem that was killed
	if err := unix.Mkfifoat(dir, name, 0o600); err != nil {
		return os.NewSyscallError("mkfifoat", err)
	}
	const flags = unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NONBLOCK
	var err error
	if f.reader, err = unix.Openat(dir, name, unix.O_RDONLY|flags, 0); err != nil {
		return os.NewSyscallError("open", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(f.reader, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFIFO || int(st.Uid) != os.Geteuid() {
		return errors.New("another process replaced it")
	}
	if status := p.Status(); status.UID != os.Geteuid() {
		if err := unix.Fchown(f.reader, status.UID, status.GID); err != nil {
			return os.NewSyscallError("fchown", err)
		}
	}
	if f.keeper, err = unix.Openat(dir, name, unix.O_WRONLY|flags, 0); err != nil {
		return os.NewSyscallError("open", err)
	}
	_, _ = unix.FcntlInt(uintptr(f.reader), unix.F_SETPIPE_SZ, fifoBytes) // less room only takes longer
	return nil
}

// read reads what is in the FIFO now; 0 bytes: nothing.
func (f *fifo) read(b []byte) (int, error) {
	n, err := unix.Read(f.reader, b)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return 0, nil
	}
	if n > 0 {
		f.unlink() // before what is read is written, which may take long
	}
	return max(n, 0), os.NewSyscallError("read", err)
}

func (f *fifo) close() {
	f.unlink()
	for _, fd := range []int{f.reader, f.keeper} {
		if fd >= 0 {
			_ = unix.Close(fd) // nothing was written
		}
	}
}
