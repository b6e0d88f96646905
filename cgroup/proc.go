package cgroup

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

// usualProc exceeds the size of a stat and of most cgroup files, in bytes.
const usualProc = 2 << 10

var errTooLong = errors.New("the file is longer than any that a kernel writes")

// readProc reads a file of procfs that the kernel writes in one piece, so that a read which
// leaves room is the last one. Package os takes eight more system calls for it, mostly to find
// out that Go's poller cannot wait for such a file.
func readProc(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	for errors.Is(err, unix.EINTR) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	text := make([]byte, 0, usualProc)
	for len(text) < maxFile {
		text = slices.Grow(text, 1)
		n, err := unix.Read(fd, text[len(text):cap(text)])
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, err
		default:
			if text = text[:len(text)+n]; len(text) < cap(text) {
				return text, nil
			}
		}
	}
	return nil, errTooLong
}
