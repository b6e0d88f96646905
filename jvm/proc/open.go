package proc

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Open opens a file of procfs for reading. os.Open takes five more system calls, to find
// out that Go's poller cannot wait for such a file.
func Open(path string) (*os.File, error) {
	fd, err := open(path)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

func open(path string) (fd int, err error) {
	for {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		switch {
		case err == nil:
			return fd, nil
		case !errors.Is(err, unix.EINTR):
			return -1, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// Short is an open file that the kernel writes in one piece: status, stat and statm. So a
// read that leaves room is the last one.
type Short struct {
	fd   int
	path string
}

// OpenShort opens such a file. It takes one system call.
func OpenShort(path string) (Short, error) {
	fd, err := open(path)
	return Short{fd, path}, err
}

// Close closes the descriptor.
func (s Short) Close() error { return unix.Close(s.fd) }

// Read implements io.Reader.
func (s Short) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(s.fd, p)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, &fs.PathError{Op: "read", Path: s.path, Err: err}
		case n < len(p):
			return n, io.EOF
		default:
			return n, nil
		}
	}
}
