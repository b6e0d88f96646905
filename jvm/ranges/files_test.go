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

// TestAlike: mappings are joined only if their pages are of one kind whatever else is mapped.
func TestAlike(t *testing.T) {
	const shared = pages.Read | pages.Shared
	heap := pages.Mapping{Path: "/memfd:java_heap (deleted)", Inode: 1, Dev: 7, Perm: shared}
	index := pages.Mapping{Path: "/data/1.idx", Inode: 1, Dev: 7, Perm: shared}
	for name, tt := range map[string]struct {
		change func(*pages.Mapping)
		want   bool
	}{
		"the same file":      {func(*pages.Mapping) {}, true},
		"another data file":  {func(m *pages.Mapping) { m.Path, m.Inode = "/data/2.idx", 2 }, true},
		"a deleted one":      {func(m *pages.Mapping) { m.Path, m.Inode = "/data/2.idx (deleted)", 2 }, true},
		"another device":     {func(m *pages.Mapping) { m.Path, m.Inode, m.Dev = "/data/2.idx", 2, 8 }, false},
		"another access":     {func(m *pages.Mapping) { m.Perm |= pages.Write }, false},
		"a jar file":         {func(m *pages.Mapping) { m.Path, m.Inode = "/app/app.jar", 2 }, false},
		"the class library":  {func(m *pages.Mapping) { m.Path, m.Inode = "/jdk/lib/modules", 2 }, false},
		"a library":          {func(m *pages.Mapping) { m.Path, m.Inode = "/lib/libz.so", 2 }, false},
		"a memory file":      {func(m *pages.Mapping) { m.Path, m.Inode = "/memfd:java_heap (deleted)", 2 }, false},
		"System V's":         {func(m *pages.Mapping) { m.Path, m.Inode = "/SYSV00000000 (deleted)", 2 }, false},
		"the same memory":    {func(m *pages.Mapping) { *m = heap }, false}, // of which each mapping has another offset
		"no file":            {func(m *pages.Mapping) { m.Path, m.Inode, m.Dev = "", 0, 0 }, false},
		"marked differently": {func(m *pages.Mapping) { m.Flags = pages.NoHuge }, false},
	} {
		other := index
		tt.change(&other)
		if got := ranges.Alike(&index, &other); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	private := index
	if private.Perm = pages.Read; ranges.Alike(&private, &private) || ranges.Alike(&heap, &heap) {
		t.Error("private mappings, or those of a heap file, are joined")
	}
}
