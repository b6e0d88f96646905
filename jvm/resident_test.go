package jvm

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// TestHeapFileNotFound: ZGC's heap is then unknown, never empty.
func TestHeapFileNotFound(t *testing.T) {
	procfs := t.TempDir()
	fds := filepath.Join(procfs, "7", "fd")
	if err := os.MkdirAll(fds, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", filepath.Join(fds, "3")); err != nil {
		t.Fatal(err)
	}
	f := &Facts{Named: []ranges.Kind{ranges.Heap, ranges.Code}}
	f.readHeapFile(&Process{proc: procfs, status: proc.Status{PID: 7}})
	if slices.Contains(f.Named, ranges.Heap) || f.HeapFileBytes != nil || len(f.Sources) != 1 || f.Sources[0].OK {
		t.Errorf("named %v, %v bytes, sources %+v", f.Named, f.HeapFileBytes, f.Sources)
	}
}
