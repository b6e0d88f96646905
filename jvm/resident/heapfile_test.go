package resident

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHeapFileBytes(t *testing.T) {
	fd, err := unix.MemfdCreate("java_heap", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "java_heap")
	defer file.Close()
	const size = 3 << 20
	if err := unix.Fallocate(fd, 0, 0, size); err != nil {
		t.Fatal(err)
	}
	if got, err := HeapFileBytes("/proc/self/fd"); err != nil || got != size {
		t.Errorf("allocated %d, %v; want %d", got, err, size)
	}
}

// TestHeapFileNotFound: the heap is then unknown, never empty.
func TestHeapFileNotFound(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "fd"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", filepath.Join(dir, "fd", strconv.Itoa(3))); err != nil {
		t.Fatal(err)
	}
	if _, err := HeapFileBytes(filepath.Join(dir, "fd")); !errors.Is(err, errNoHeapFile) {
		t.Errorf("HeapFileBytes: %v", err)
	}
}
