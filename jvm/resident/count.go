package resident

import (
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// Bytes is the resident memory of one kind, in bytes.
type Bytes struct {
	// AnonBytes is private memory, which the cgroup counts as anon (rss on v1), to the
	// byte.
	AnonBytes int64 `json:"anon_bytes,omitempty"`
	// FileBytes is mapped page cache. The cgroup that first touched a page of a file is
	// charged for it, so this may be charged to another container.
	FileBytes int64 `json:"file_bytes,omitempty"`
	// ShmemBytes is mapped shared memory, counted once per mapping: ZGC maps its heap up
	// to three times.
	ShmemBytes int64 `json:"shmem_bytes,omitempty"`
	// ReservedBytes is the address space.
	ReservedBytes int64 `json:"reserved_bytes,omitempty"`
}

// Add adds other resident memory.
func (b *Bytes) Add(o Bytes) {
	b.AnonBytes += o.AnonBytes
	b.FileBytes += o.FileBytes
	b.ShmemBytes += o.ShmemBytes
	b.ReservedBytes += o.ReservedBytes
}

// Counts is the resident memory of one process.
type Counts struct {
	Kinds     map[ranges.Kind]Bytes
	Stacks    map[int]int64 // resident stack by Range.Thread
	SwapBytes int64
	// Err is the first error of reading pages: some mappings were not split.
	Err error
}

// PageCounter counts the resident bytes of a part of a mapping (pages.Pagemap).
type PageCounter interface {
	Resident(start, end uint64) (anonymous, file int64, err error)
}

// CountPages assigns every mapping, or part of one, to the range (sorted, disjoint) that it
// lies in. With no PageCounter a mapping that several ranges share is assigned to the
// largest part. tmpfs are devices, as pages.Mapping.Dev.
func CountPages(mappings []pages.Mapping, list []ranges.Range, tmpfs map[uint64]bool, counter PageCounter) Counts {
	c := Counts{Kinds: make(map[ranges.Kind]Bytes), Stacks: make(map[int]int64)}
	files := ranges.ClassifyFiles(mappings, tmpfs)
	var parts []ranges.Range
	for i := range mappings {
		m := &mappings[i]
		c.SwapBytes += m.SwapBytes
		if m.Special() {
			continue
		}
		parts = ranges.Cut(list, m.Start, m.End, files.Kind(m), parts[:0])
		for _, part := range parts {
			c.add(part, Bytes{ReservedBytes: int64(part.End - part.Start)})
		}
		switch {
		case m.RSSBytes == 0:
		case len(parts) == 1:
			c.add(parts[0], whole(m, files))
		case counter == nil:
			c.add(largest(parts), whole(m, files))
		default:
			c.split(m, parts, files, counter)
		}
	}
	return c
}

func largest(parts []ranges.Range) ranges.Range {
	largest := parts[0]
	for _, p := range parts[1:] {
		if p.End-p.Start > largest.End-largest.Start {
			largest = p
		}
	}
	return largest
}

// split counts the pages of each part.
func (c *Counts) split(m *pages.Mapping, parts []ranges.Range, files ranges.Files, counter PageCounter) {
	for _, p := range parts {
		anon, file, err := counter.Resident(p.Start, p.End)
		if err != nil && c.Err == nil {
			c.Err = err
		}
		b := Bytes{AnonBytes: anon}
		switch {
		case files.Shared(m):
			b.ShmemBytes = file
		case !m.Anonymous(): // else the huge zero page, which no cgroup is charged for
			b.FileBytes = file
		}
		c.add(p, b)
	}
}

func (c *Counts) add(part ranges.Range, b Bytes) {
	sum := c.Kinds[part.Kind]
	sum.Add(b)
	c.Kinds[part.Kind] = sum
	if part.Kind == ranges.Stack && part.Thread != 0 {
		c.Stacks[part.Thread] += b.AnonBytes
	}
}

// whole returns the resident memory of a mapping that lies in one range.
func whole(m *pages.Mapping, files ranges.Files) Bytes {
	b := Bytes{AnonBytes: m.AnonymousBytes}
	if files.Shared(m) {
		b.ShmemBytes = m.RSSBytes - m.AnonymousBytes
	} else {
		b.FileBytes = m.RSSBytes - m.AnonymousBytes
	}
	return b
}

// AnonBytes is the anonymous memory of all kinds.
func (c *Counts) AnonBytes() int64 {
	var sum int64
	for _, b := range c.Kinds {
		sum += b.AnonBytes
	}
	return sum
}

// MallocBytes is the resident part of malloc's memory in a count.
func MallocBytes(kinds map[ranges.Kind]Bytes) int64 {
	return kinds[ranges.MallocArena].AnonBytes + kinds[ranges.MallocChunk].AnonBytes
}
