package pages

import "strings"

// Perm is the access of a mapping.
type Perm uint8

// The bits of Perm.
const (
	Read Perm = 1 << iota
	Write
	Exec
	Shared // MAP_SHARED; private (copy on write) otherwise
)

// Flags are the VmFlags that distinguish mappings.
type Flags uint8

// The bits of Flags, with the kernel's two letters.
const (
	NoHuge    Flags = 1 << iota // nh: MADV_NOHUGEPAGE, and MAP_STACK on newer kernels
	NoReserve                   // nr: MAP_NORESERVE
	Account                     // ac: counted as committed
	Hugetlb                     // ht: explicit huge pages
)

// Mapping is one mapping and its resident pages. All sizes are bytes.
type Mapping struct {
	Start, End uint64
	Offset     uint64
	Inode      uint64
	// Dev is the device of the mapped file as the kernel's major<<32|minor,
	// 0 for anonymous memory.
	Dev   uint64
	Perm  Perm
	Flags Flags
	// Path is the mapped file, "[heap]"-like names, or "" for anonymous memory.
	Path string
	// RSSBytes is resident, AnonymousBytes the part that is not a page of a file
	// (copied on write, or anonymous from the start); the rest is file or shared
	// memory.
	RSSBytes, AnonymousBytes int64
	SwapBytes                int64
	// Guarded: it has guard regions (MADV_GUARD_INSTALL), as stacks of glibc 2.42 and
	// newer do. Only a Scan finds them.
	Guarded bool
}

// Join adds the adjacent mapping above, with its pages.
func (m *Mapping) Join(above *Mapping) {
	m.End = above.End
	m.RSSBytes += above.RSSBytes
	m.AnonymousBytes += above.AnonymousBytes
	m.SwapBytes += above.SwapBytes
}

// Anonymous reports whether the mapping is private memory without a file. It
// may have a name (PR_SET_VMA_ANON_NAME, glibc.mem.decorate_maps): "[anon:name]".
func (m *Mapping) Anonymous() bool {
	return (m.Path == "" || strings.HasPrefix(m.Path, "[anon:")) && m.Perm&Shared == 0
}

// Special reports whether the mapping is a kernel page that is charged to no cgroup.
func (m *Mapping) Special() bool {
	return strings.HasPrefix(m.Path, "[v") // [vdso], [vvar], [vvar_vclock], [vsyscall]
}
