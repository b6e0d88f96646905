package malloc

import (
	"encoding/binary"
	"errors"
	"io"
	"time"
)

const (
	// windowBytes of a heap are read and held at once: as much as the CPU's cache holds
	// beside its work, and read fast enough that little changes meanwhile.
	windowBytes = 256 << 10
	windowPages = windowBytes / pageSize
	// pieceBytes of addresses are one read of pagemap.
	pieceBytes = 32 << 20
	// addressLimit is above every user address.
	addressLimit = 1 << 56
)

// ErrBudget means that a walk reached its Budget: what it saw is only a part.
var ErrBudget = errors.New("the walk of malloc's blocks reached its limit of reads or time")

// Budget bounds a walk.
type Budget struct {
	// Reads bounds the system calls: reads of mem and of pagemap.
	Reads int
	// Time bounds the time since the start of the walk.
	Time time.Duration
	// Bytes is how much resident memory in arenas is walked through, roughly: where there is
	// more, some heaps of the arenas stand for the others. 0: all is.
	Bytes int64
}

// memory is what is read of the process: only resident pages, a window at a time.
type memory struct {
	mem   io.ReaderAt
	pages Pages
	page  uint64 // the size of one
	reads int    // left
	until time.Time
	err   error // ErrBudget, or why pagemap could not be read

	start, end uint64 // of the window
	present    [windowPages]bool
	buf        []byte
	small      [stateBytes]byte // less than a page: for what is read outside of the window

	links [linkPages]linkPage
}

// linkPages is the number of pages that nearby keeps: 256 KiB.
const linkPages = 64

// linkPage is a page that was read to follow lists.
type linkPage struct {
	addr  uint64
	bytes []byte // nil: it is not resident
}

// nearby is read for the elements of lists, which often lie in the same pages: it keeps what
// it read until forgetLinks.
func (m *memory) nearby(addr, n uint64) []byte {
	page := addr &^ (pageSize - 1)
	if addr-page+n > pageSize || addr >= addressLimit {
		return m.read(addr, n)
	}
	l := &m.links[page/pageSize%linkPages]
	if l.addr != page || l.bytes == nil {
		if !m.spend() || !m.pages.Present(page) || !m.spend() {
			return nil
		}
		if l.bytes == nil {
			l.bytes = make([]byte, pageSize)
		}
		l.addr = page
		if read, _ := m.mem.ReadAt(l.bytes, int64(page)); read < pageSize {
			l.bytes = nil
			return nil
		}
	}
	return l.bytes[addr-page:][:n]
}

// newMemory returns memory with a window of that many bytes, at most windowBytes.
func newMemory(mem io.ReaderAt, pages Pages, b Budget, window uint64) *memory {
	return &memory{mem: mem, pages: pages, page: pages.PageSize(), reads: b.Reads, until: time.Now().Add(b.Time), buf: make([]byte, window)}
}

// spend reports whether one more system call is allowed.
func (m *memory) spend() bool {
	if m.err != nil {
		return false
	}
	if m.reads--; m.reads < 0 || m.reads%64 == 0 && time.Now().After(m.until) {
		m.err = ErrBudget
		return false
	}
	return true
}

// spent is the number of system calls of that budget that were used.
func (m *memory) spent(of Budget) int { return of.Reads - max(m.reads, 0) }

// each calls yield for each resident pageSize of [start, end), which begins and ends with one.
func (m *memory) each(start, end uint64, yield func(addr uint64)) {
	for start < end && m.spend() {
		next := min(end, start+pieceBytes)
		err := m.pages.Pages(start, next, func(page uint64) {
			for at := max(page, start); at < min(page+m.page, next); at += pageSize {
				yield(at)
			}
		})
		if err != nil {
			m.err = err
		}
		start = next
	}
}

// nextResident returns the first resident page of [addr, end), or end.
func (m *memory) nextResident(addr, end uint64) uint64 {
	next := end
	for at := addr &^ (pageSize - 1); at < end && next == end && m.err == nil; at += pieceBytes {
		m.each(at, min(at+pieceBytes, alignUp(end, pageSize)), func(page uint64) { next = min(next, max(page, addr)) })
	}
	return next
}

// load makes the window begin with the page of addr. Pages that are not resident read as
// zeros.
func (m *memory) load(addr, limit uint64) {
	m.start = addr &^ (pageSize - 1)
	m.end = min(m.start+uint64(len(m.buf)), alignUp(limit, pageSize))
	clear(m.present[:])
	m.each(m.start, m.end, func(page uint64) {
		if page >= m.start && page < m.end {
			m.present[(page-m.start)/pageSize] = true
		}
	})
	for i, n := 0, int(m.end-m.start)/pageSize; i < n; {
		run := i
		for run < n && m.present[run] == m.present[i] {
			run++
		}
		buf := m.buf[i*pageSize : run*pageSize]
		read := 0
		if m.present[i] && m.spend() {
			read, _ = m.mem.ReadAt(buf, int64(m.start)+int64(i)*pageSize)
		}
		clear(buf[read:])
		for k := i + (read+pageSize-1)/pageSize; k < run; k++ {
			m.present[k] = false // unmapped since
		}
		i = run
	}
}

// forget makes the next look at the window read it again.
func (m *memory) forget() { m.start, m.end = 0, 0 }

// forgetLinks makes nearby read its pages again.
func (m *memory) forgetLinks() { m.links = [linkPages]linkPage{} }

// holds reports whether the window has n bytes from addr on.
func (m *memory) holds(addr, n uint64) bool {
	return addr >= m.start && addr < m.end && n <= m.end-addr
}

// at returns n bytes from addr on, which the window holds.
func (m *memory) at(addr, n uint64) []byte { return m.buf[addr-m.start:][:n:n] }

// read returns n bytes, without changing the window: nil unless all of them are resident.
// They are valid until the next read.
func (m *memory) read(addr, n uint64) []byte {
	if m.holds(addr, n) {
		return m.at(addr, n)
	}
	// The address may be anything: Pages would fail for what is no address.
	if addr >= addressLimit || !m.spend() || !m.pages.Present(addr) {
		return nil
	}
	if last := addr + n - 1; last/pageSize != addr/pageSize && (!m.spend() || !m.pages.Present(last)) || !m.spend() {
		return nil
	}
	buf := m.small[:n]
	if read, _ := m.mem.ReadAt(buf, int64(addr)); read < len(buf) {
		return nil
	}
	return buf
}

// word reads a pointer or a size_t; 0 if it is not resident.
func (m *memory) word(addr uint64) uint64 {
	b := m.read(addr, 8)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

// header returns the two words of the chunk at addr; 0 if they are not resident.
func (m *memory) header(addr uint64) (prevSize, size uint64) {
	b := m.read(addr, chunkHeader)
	if b == nil {
		return 0, 0
	}
	return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
}

// resident counts the resident bytes of [start, end).
func (m *memory) resident(start, end uint64) int64 {
	var n int64
	for start < end && start >= m.start && start < m.end {
		next := min(end, start&^(pageSize-1)+pageSize)
		if m.present[(start-m.start)/pageSize] {
			n += int64(next - start)
		}
		start = next
	}
	if start < end {
		n += m.residentOutside(start, end)
	}
	return n
}

// residentOutside is resident without the window. It allocates, as what it calls yields.
func (m *memory) residentOutside(start, end uint64) (n int64) {
	m.each(start&^(pageSize-1), alignUp(end, pageSize), func(page uint64) {
		n += int64(min(end, page+pageSize) - max(start, page))
	})
	return n
}
