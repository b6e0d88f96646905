package jvm

import (
	"path/filepath"
	"strings"

	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// Resident is what is resident of one kind of memory, in bytes.
type Resident struct {
	// AnonBytes is private memory: what the cgroup counts as anon (rss on v1),
	// to the byte.
	AnonBytes int64 `json:"anon_bytes,omitempty"`
	// FileBytes is mapped page cache. Whoever touched a file first pays for it,
	// so this is no charge of the container's cgroup.
	FileBytes int64 `json:"file_bytes,omitempty"`
	// ShmemBytes is mapped shared memory, counted once a mapping: ZGC maps its
	// heap up to three times.
	ShmemBytes int64 `json:"shmem_bytes,omitempty"`
	// ReservedBytes is the address space.
	ReservedBytes int64 `json:"reserved_bytes,omitempty"`
}

// Add adds what is resident elsewhere.
func (r *Resident) Add(o Resident) {
	r.AnonBytes += o.AnonBytes
	r.FileBytes += o.FileBytes
	r.ShmemBytes += o.ShmemBytes
	r.ReservedBytes += o.ReservedBytes
}

// pageCounter tells the resident bytes of a part of a mapping (pages.Pagemap).
type pageCounter interface {
	Resident(start, end uint64) (anonymous, file int64, err error)
}

// layout assigns every mapping, or part of one, to the range it lies in.
type layout struct {
	ranges []ranges.Range // sorted, disjoint
	pages  pageCounter    // nil: mappings cannot be split
	tmpfs  map[uint64]bool

	resident map[ranges.Kind]Resident
	stacks   map[int]int64 // resident stack by thread
	swap     int64
	err      error // of the first pagemap read that failed
}

func (l *layout) place(mappings []pages.Mapping) {
	l.resident, l.stacks = make(map[ranges.Kind]Resident), make(map[int]int64)
	files := classifyFiles(mappings, l.tmpfs)
	var parts []ranges.Range
	for i := range mappings {
		m := &mappings[i]
		l.swap += m.SwapBytes
		if m.Special() {
			continue
		}
		parts = l.parts(m, files.kind(m), parts[:0])
		for _, part := range parts {
			l.count(part, Resident{ReservedBytes: int64(part.End - part.Start)})
		}
		switch {
		case m.RSSBytes == 0:
		case len(parts) == 1:
			l.count(parts[0], whole(m, files))
		default:
			l.split(m, parts, files)
		}
	}
}

// parts cuts a mapping at the borders of ranges. What no range covers is rest.
func (l *layout) parts(m *pages.Mapping, rest ranges.Kind, parts []ranges.Range) []ranges.Range {
	at := m.Start
	for i := ranges.Find(l.ranges, at); i < len(l.ranges) && l.ranges[i].Start < m.End; i++ {
		r := l.ranges[i]
		if r.Start > at {
			parts = append(parts, ranges.Range{Start: at, End: r.Start, Kind: rest})
		}
		r.Start, r.End = max(r.Start, at), min(r.End, m.End)
		parts = append(parts, r)
		at = r.End
	}
	if at < m.End {
		parts = append(parts, ranges.Range{Start: at, End: m.End, Kind: rest})
	}
	return parts
}

// split counts the pages of each part. Without pagemap all go to the largest.
func (l *layout) split(m *pages.Mapping, parts []ranges.Range, files fileKinds) {
	if l.pages == nil {
		largest := parts[0]
		for _, p := range parts[1:] {
			if p.End-p.Start > largest.End-largest.Start {
				largest = p
			}
		}
		l.count(largest, whole(m, files))
		return
	}
	for _, p := range parts {
		anon, file, err := l.pages.Resident(p.Start, p.End)
		if err != nil && l.err == nil {
			l.err = err
		}
		r := Resident{AnonBytes: anon}
		switch {
		case files.shared(m):
			r.ShmemBytes = file
		case !m.Anonymous(): // else the huge zero page, that nobody pays for
			r.FileBytes = file
		}
		l.count(p, r)
	}
}

func (l *layout) count(part ranges.Range, r Resident) {
	sum := l.resident[part.Kind]
	sum.Add(r)
	l.resident[part.Kind] = sum
	if part.Kind == ranges.Stack && part.Thread != 0 {
		l.stacks[part.Thread] += r.AnonBytes
	}
}

// whole is what is resident of a mapping that lies in one range.
func whole(m *pages.Mapping, files fileKinds) Resident {
	r := Resident{AnonBytes: m.AnonymousBytes}
	if files.shared(m) {
		r.ShmemBytes = m.RSSBytes - m.AnonymousBytes
	} else {
		r.FileBytes = m.RSSBytes - m.AnonymousBytes
	}
	return r
}

// fileKinds tells what the mapped files are.
type fileKinds struct {
	executable map[uint64]bool // by inode: some part of the file is mapped executable
	tmpfs      map[uint64]bool // devices
}

func classifyFiles(mappings []pages.Mapping, tmpfs map[uint64]bool) fileKinds {
	f := fileKinds{executable: make(map[uint64]bool), tmpfs: tmpfs}
	for i := range mappings {
		if m := &mappings[i]; m.Inode != 0 && m.Perm&pages.Exec != 0 {
			f.executable[m.Inode] = true
		}
	}
	return f
}

// heapFile is the memfd of ZGC's heap (zPhysicalMemoryBacking_linux.cpp).
const heapFile = "/memfd:java_heap"

// kind returns what a mapping is if no range covers it.
func (f fileKinds) kind(m *pages.Mapping) ranges.Kind {
	switch {
	case m.Path == "[heap]":
		return ranges.MallocArena
	case m.Path == "[stack]":
		return ranges.Stack
	case strings.HasPrefix(m.Path, heapFile):
		return ranges.Heap
	case f.shared(m):
		return ranges.SharedMem
	case m.Path == "" || m.Path[0] == '[': // also [anon:name]
		return ranges.Unknown
	}
	// The JDK maps its class library (lib/modules), jar files and CDS archives.
	switch filepath.Ext(strings.TrimSuffix(m.Path, " (deleted)")) {
	case ".so", ".jar", ".jmod":
		return ranges.Library
	case ".jsa":
		return ranges.CDS
	}
	if f.executable[m.Inode] || strings.HasSuffix(m.Path, "/lib/modules") {
		return ranges.Library
	}
	return ranges.MappedFile
}

// shared reports whether the mapping's pages that are not anonymous are shared
// memory rather than page cache.
func (f fileKinds) shared(m *pages.Mapping) bool {
	if m.Path == "" || strings.HasPrefix(m.Path, "[anon_shmem") {
		return m.Perm&pages.Shared != 0
	}
	for _, prefix := range []string{"/memfd:", "/dev/zero", "/SYSV", "/dev/shm/"} {
		if strings.HasPrefix(m.Path, prefix) {
			return true
		}
	}
	return m.Dev != 0 && f.tmpfs[m.Dev]
}
