package ranges_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// TestTmpfsOfThisProcess maps a file of a tmpfs: by its device it is shared
// memory, wherever it lies.
func TestTmpfsOfThisProcess(t *testing.T) {
	f, err := os.CreateTemp("/dev/shm", "jvmem-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	defer func() { _ = os.Remove(f.Name()) }()
	if err := f.Truncate(4096); err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(mem) }()
	mounts, err := proc.ReadMounts("/proc", os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	files := ranges.ClassifyFiles(nil, mounts.Tmpfs)
	for _, m := range readMappings(t, "/proc/self/smaps") {
		if m.Path == f.Name() {
			m.Path = "/mnt/elsewhere"
			if !mounts.Tmpfs[m.Dev] || files.Kind(&m) != ranges.SharedMem {
				t.Errorf("%+v is %v; tmpfs %v", m, files.Kind(&m), mounts.Tmpfs)
			}
			m.Dev = 1 << 50
			if files.Kind(&m) != ranges.MappedFile || m.Perm&pages.Shared == 0 {
				t.Errorf("%+v of another file system is %v", m, files.Kind(&m))
			}
			return
		}
	}
	t.Error("the mapping was not found")
}
