package hsperf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	pathrs "github.com/cyphar/filepath-securejoin/pathrs-lite"
	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
)

// maxBytes bounds hsperfdata: -XX:PerfDataMemorySize is 32 KiB by default.
const maxBytes = 1 << 20

// Errors of Open.
var (
	// ErrNoFile: the JVM has not mapped an hsperfdata file.
	ErrNoFile = errors.New("the JVM has not mapped an hsperfdata file")
	// ErrDeleted: the JVM has mapped one, which was deleted.
	ErrDeleted = errors.New("the JVM's hsperfdata file was deleted")
)

// Reader reads the counters of one JVM. Not safe for concurrent use.
type Reader struct {
	source io.ReaderAt
	closer io.Closer // nil: the source is the caller's
	size   int64
	text   []byte // of the last Read
	data   Data
}

// New reads counters from the JVM's memory.
func New(memory *io.SectionReader) *Reader {
	return &Reader{source: memory, size: min(memory.Size(), maxBytes)}
}

// Open opens the file that a JVM has mapped. It takes path and inode from the mappings:
// the name depends on the user's and may collide in a shared /tmp, the inode does not.
// The descriptor remains valid after the file was deleted and after the JVM ended.
func Open(procfs string, pid int) (*Reader, error) {
	dir := filepath.Join(procfs, strconv.Itoa(pid))
	path, inode, err := findMapping(filepath.Join(dir, "maps"))
	if err != nil {
		return nil, err
	}
	root := filepath.Join(dir, "root")
	if below, err := os.Readlink(root); err == nil {
		path = strings.TrimPrefix(path, strings.TrimSuffix(below, "/")) // a chroot, seen from outside
	}
	handle, err := pathrs.OpenInRoot(root, path)
	if err != nil {
		return nil, fmt.Errorf("open hsperfdata: %w", err)
	}
	defer handle.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(handle.Fd()), &stat); err != nil {
		return nil, fmt.Errorf("stat hsperfdata: %w", err)
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG || stat.Ino != inode {
		return nil, errors.New("another file replaced the JVM's hsperfdata file")
	}
	file, err := pathrs.Reopen(handle, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open hsperfdata: %w", err)
	}
	return &Reader{source: file, closer: file, size: min(stat.Size, maxBytes)}, nil
}

// findMapping returns the path and the inode of the mapped hsperfdata file.
func findMapping(maps string) (path string, inode uint64, err error) {
	f, err := proc.Open(maps)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	var reader pages.Reader
	err = reader.ReadMaps(f, func(m *pages.Mapping) {
		if path == "" && strings.Contains(m.Path, "/hsperfdata_") {
			path, inode = m.Path, m.Inode
		}
	})
	switch {
	case path == "" && err != nil:
		return "", 0, fmt.Errorf("look for hsperfdata: %w", err)
	case path == "":
		return "", 0, ErrNoFile
	case strings.HasSuffix(path, " (deleted)"):
		return "", 0, ErrDeleted
	}
	return path, inode, nil
}

// Close closes the file.
func (r *Reader) Close() error {
	if r.closer == nil {
		return nil
	}
	return r.closer.Close()
}

// Read reads and parses the counters. The Data is valid until the next Read.
func (r *Reader) Read() (*Data, error) {
	text, err := r.ReadBytes(r.text)
	if err != nil {
		return nil, err
	}
	r.text = text
	return &r.data, r.data.Renew(text)
}

// ReadBytes reads everything into the buffer, or into a longer one.
func (r *Reader) ReadBytes(buffer []byte) ([]byte, error) {
	buffer = slices.Grow(buffer[:0], int(r.size))[:r.size]
	n, err := r.source.ReadAt(buffer, 0)
	if err != nil && !errors.Is(err, io.EOF) { // it may have been truncated
		return nil, fmt.Errorf("read hsperfdata: %w", err)
	}
	return buffer[:n], nil
}
