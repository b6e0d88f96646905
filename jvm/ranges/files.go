package ranges

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/jvm/pages"
)

// HeapFile begins the path of ZGC's heap, a memfd (zPhysicalMemoryBacking_linux.cpp).
const HeapFile = "/memfd:java_heap"

// MapsHeapFile reports whether the heap is ZGC's memfd: no source reports its ranges.
func MapsHeapFile(mappings []pages.Mapping) bool {
	return slices.ContainsFunc(mappings, func(m pages.Mapping) bool { return strings.HasPrefix(m.Path, HeapFile) })
}

// Files classifies the mapped files of one process.
type Files struct {
	executable map[uint64]bool // by inode: some part of the file is mapped executable
	tmpfs      map[uint64]bool // devices
}

// ClassifyFiles returns the Files of these mappings. tmpfs are the devices of tmpfs
// file systems, as pages.Mapping.Dev.
func ClassifyFiles(mappings []pages.Mapping, tmpfs map[uint64]bool) Files {
	f := Files{executable: make(map[uint64]bool), tmpfs: tmpfs}
	for i := range mappings {
		if m := &mappings[i]; m.Inode != 0 && m.Perm&pages.Exec != 0 {
			f.executable[m.Inode] = true
		}
	}
	return f
}

// Kind returns the kind of a mapping that no range covers.
func (f Files) Kind(m *pages.Mapping) Kind {
	switch {
	case m.Path == "[heap]":
		return MallocArena
	case m.Path == "[stack]":
		return Stack
	case strings.HasPrefix(m.Path, HeapFile):
		return Heap
	case f.Shared(m):
		return SharedMem
	case m.Path == "" || m.Path[0] == '[': // also [anon:name]
		return Unknown
	}
	kind := kindOfName(m.Path)
	if kind == MappedFile && f.executable[m.Inode] {
		kind = Library
	}
	return kind
}

// kindOfName returns the kind of a file of which no part is executable. The JDK maps its
// class library (lib/modules), jar files and CDS archives.
func kindOfName(path string) Kind {
	switch filepath.Ext(strings.TrimSuffix(path, " (deleted)")) {
	case ".so", ".jar", ".jmod":
		return Library
	case ".jsa":
		return CDS
	}
	if strings.HasSuffix(path, "/lib/modules") {
		return Library
	}
	return MappedFile
}

// Alike reports whether two mappings are of data files of one file system, with the same
// access: their pages are of one kind. Servers map tens of thousands of them. Executables are
// mapped privately.
func Alike(a, b *pages.Mapping) bool {
	return a.Perm&(pages.Shared|pages.Exec) == pages.Shared && a.Perm == b.Perm && a.Dev == b.Dev && a.Flags == b.Flags && isData(a.Path) && isData(b.Path)
}

func isData(path string) bool {
	return path != "" && path[0] == '/' && !isSharedMemory(path) && kindOfName(path) == MappedFile
}

// Shared reports whether the mapping's pages that are not anonymous are shared memory
// rather than page cache.
func (f Files) Shared(m *pages.Mapping) bool {
	if m.Path == "" || strings.HasPrefix(m.Path, "[anon_shmem") {
		return m.Perm&pages.Shared != 0
	}
	return isSharedMemory(m.Path) || m.Dev != 0 && f.tmpfs[m.Dev]
}

func isSharedMemory(path string) bool {
	return slices.ContainsFunc([]string{"/memfd:", "/dev/zero", "/SYSV", "/dev/shm/"}, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
}
