package owners

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/pages"
)

// role says what a pointer into a library tells of the block that has it.
type role uint8

const (
	// own: the block is of the library, or registered with it.
	own role = iota
	// hotspot is libjvm.so: anyone may have pointers to its tables of functions, but an
	// object whose virtual functions are there is HotSpot's.
	hotspot
	// anyone's: the C and C++ runtime, the dynamic linker, the launcher.
	anyone
)

// maxLibraries bounds the libraries that are looked at.
const maxLibraries = 2048

// library is a mapped ELF file.
type library struct {
	name, path string
	base       uint64 // of its first byte
	role       role
	image      *image // nil: not read yet
	last       symbolSpan
}

// segment is a part of a library in memory.
type segment struct {
	start, end     uint64
	library        *library
	code, writable bool
	// relocated: data that was made read-only after relocation. Tables of virtual functions
	// are there; other data that is read-only are constants, such as text.
	relocated bool
}

// libraries are those of a process.
type libraries struct {
	list      []*library
	segments  []segment // sorted
	low, high uint64    // of all segments
	byName    map[string]*library
}

// roleOf decides by the file's name.
func roleOf(name string) role {
	if name == "libjvm.so" {
		return hotspot
	}
	for _, prefix := range []string{"libc.so", "libc-2.", "ld-", "libpthread", "libdl", "librt", "libm.", "libm-2.", "libgcc_s", "libstdc++", "libc++", "libjli", "libjsig", "libnss_", "libresolv", "libjemalloc"} {
		if strings.HasPrefix(name, prefix) {
			return anyone
		}
	}
	if !strings.Contains(name, ".so") {
		return anyone // the launcher
	}
	return own
}

// findLibraries returns the libraries in the mappings of a process. Files that map code
// are libraries; which names are theirs is up to the process.
func findLibraries(mappings []pages.Mapping, m *memory) libraries {
	code := make(map[uint64]bool)
	for i := range mappings {
		if p := &mappings[i]; p.Inode != 0 && p.Perm&pages.Exec != 0 && p.Perm&pages.Shared == 0 {
			code[p.Inode] = true
		}
	}
	l := libraries{byName: make(map[string]*library)}
	byPath := make(map[string]*library)
	for i := range mappings {
		p := &mappings[i]
		if p.Inode == 0 || !code[p.Inode] || p.Perm&pages.Shared != 0 {
			continue
		}
		of := byPath[p.Path]
		if of == nil {
			if p.Offset != 0 || len(l.list) == maxLibraries {
				continue
			}
			file := strings.TrimSuffix(p.Path, " (deleted)")
			of = &library{name: jvm.Printable(path.Base(file), maxNameBytes), path: file, base: p.Start}
			of.role = roleOf(of.name)
			for n := 2; l.byName[of.name] != nil; n++ {
				of.name = fmt.Sprintf("%s (%d)", jvm.Printable(path.Base(file), maxNameBytes), n)
			}
			l.byName[of.name], byPath[p.Path] = of, of
			l.list = append(l.list, of)
		}
		l.segments = append(l.segments, segment{start: p.Start, end: p.End, library: of, code: p.Perm&pages.Exec != 0, writable: p.Perm&pages.Write != 0})
		if next := i + 1; p.Perm&pages.Write != 0 && next < len(mappings) {
			if n := &mappings[next]; n.Start == p.End && n.Anonymous() && n.Perm&pages.Write != 0 {
				if end := min(n.End, of.end(m)); end > n.Start { // .bss
					l.segments = append(l.segments, segment{start: n.Start, end: end, library: of, writable: true})
				}
			}
		}
	}
	slices.SortFunc(l.segments, func(a, b segment) int { return cmp.Compare(a.start, b.start) })
	for i := range l.segments[:max(len(l.segments)-1, 0)] {
		s, next := &l.segments[i], &l.segments[i+1]
		s.relocated = !s.code && !s.writable && next.writable && next.start == s.end && next.library == s.library
	}
	if n := len(l.segments); n > 0 {
		l.low, l.high = l.segments[0].start, l.segments[n-1].end
	}
	return l
}

// at returns the segment at an address, nil if there is none.
func (l *libraries) at(addr uint64) *segment {
	if addr-l.low >= l.high-l.low {
		return nil
	}
	i, found := slices.BinarySearchFunc(l.segments, addr, func(s segment, a uint64) int { return cmp.Compare(s.start, a) })
	if !found {
		i--
	}
	if i < 0 || addr >= l.segments[i].end {
		return nil
	}
	return &l.segments[i]
}

// thirdParty returns the names of libraries that are not the JDK's, at most limit.
func (l *libraries) thirdParty(limit int) []string {
	home := ""
	if vm := l.byName["libjvm.so"]; vm != nil {
		home = path.Dir(path.Dir(vm.path)) + "/"
	}
	names := []string{}
	for _, of := range l.list {
		if of.role == own && (home == "" || !strings.HasPrefix(of.path, home)) && len(names) < limit && !slices.Contains(names, of.name) {
			names = append(names, of.name)
		}
	}
	slices.Sort(names)
	return names
}
