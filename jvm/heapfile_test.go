package jvm

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/ranges"
)

func TestFindHeapFile(t *testing.T) {
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
	if got, err := findHeapFile("/proc/self/fd"); err != nil || got != size {
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
	p := &Process{mappings: []pages.Mapping{{Path: heapFile + " (deleted)"}}}
	f := &Facts{Named: []ranges.Kind{ranges.Heap, ranges.Code}}
	p.readHeapFile(f, dir)
	if slices.Contains(f.Named, ranges.Heap) || f.HeapFileBytes != nil || len(f.Sources) != 1 || f.Sources[0].OK {
		t.Errorf("named %v, %v bytes, sources %+v", f.Named, f.HeapFileBytes, f.Sources)
	}
	if _, err := findHeapFile(filepath.Join(dir, "fd")); !errors.Is(err, errNoHeapFile) {
		t.Errorf("findHeapFile: %v", err)
	}
}
