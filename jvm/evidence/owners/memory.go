package owners

import (
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/jvmem/jvmem/jvm/malloc"
)

const (
	// pieceBytes is one read of memory, mapBytes the addresses of one read of pagemap.
	pieceBytes = 256 << 10
	mapBytes   = 32 << 20
	// addressLimit is above every user address.
	addressLimit = 1 << 56
)

// residency reports which pages are resident (pages.Pagemap).
type residency interface {
	malloc.Pages
	SharedPages(start, end uint64, yield func(addr uint64)) error
}

// memory reads a process within a budget. Every address comes from the process.
type memory struct {
	source io.ReaderAt
	pages  residency
	page   uint64 // the size of one
	left   int    // reads
	until  time.Time
	err    error // malloc.ErrBudget, or why pagemap could not be read
	buf    []byte
}

func newMemory(source io.ReaderAt, pages residency, b malloc.Budget) *memory {
	return &memory{source: source, pages: pages, page: pages.PageSize(), left: b.Reads, until: time.Now().Add(b.Time), buf: make([]byte, pieceBytes)}
}

// budget is what is left.
func (m *memory) budget() malloc.Budget {
	return malloc.Budget{Reads: max(m.left, 0), Time: max(time.Until(m.until), 0)}
}

// spend reports whether one more system call is allowed.
func (m *memory) spend() bool {
	if m.err != nil {
		return false
	}
	if m.left--; m.left < 0 || m.left%64 == 0 && time.Now().After(m.until) {
		m.err = malloc.ErrBudget
		return false
	}
	return true
}

// namingReads are allowed to name what was found, after the budget was reached.
const namingReads = 4096

// extend allows what it takes to name what was found. It reports whether the budget was
// reached before.
func (m *memory) extend() bool {
	if !errors.Is(m.err, malloc.ErrBudget) {
		return false
	}
	m.err, m.left, m.until = nil, namingReads, time.Now().Add(time.Second)
	return true
}

// read fills buf from addr, and returns how many bytes there were.
func (m *memory) read(addr uint64, buf []byte) int {
	if addr == 0 || addr >= addressLimit || !m.spend() {
		return 0
	}
	n, _ := m.source.ReadAt(buf, int64(addr))
	return max(n, 0)
}

// fill is read for all or nothing.
func (m *memory) fill(addr uint64, buf []byte) error {
	if m.read(addr, buf) < len(buf) {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// words reads 8-byte words; ok: all of them.
func (m *memory) words(addr uint64, n int) (words []uint64, ok bool) {
	buf := make([]byte, 8*n)
	if m.read(addr, buf) < len(buf) {
		return nil, false
	}
	words = make([]uint64, n)
	for i := range words {
		words[i] = binary.LittleEndian.Uint64(buf[8*i:])
	}
	return words, true
}

// text reads a C string of at most limit bytes, "" if there is none.
func (m *memory) text(addr uint64, limit int) string {
	buf := make([]byte, limit+1)
	buf = buf[:m.read(addr, buf)]
	for i, c := range buf {
		if c == 0 {
			return string(buf[:i])
		}
	}
	return ""
}

// resident calls yield for the runs of resident pages of [start, end): private ones, or
// those of a file or of shared memory.
func (m *memory) resident(start, end uint64, shared bool, yield func(start, end uint64)) {
	walk := m.pages.Pages
	if shared {
		walk = m.pages.SharedPages
	}
	var from, to uint64
	for at := start &^ (m.page - 1); at < end && m.spend(); at += mapBytes {
		err := walk(at, min(at+mapBytes, end), func(page uint64) {
			if page != to && to > from {
				yield(max(from, start), min(to, end))
			}
			if page != to {
				from = page
			}
			to = page + m.page
		})
		if err != nil {
			m.err = err
			return
		}
	}
	if to > from && m.err == nil {
		yield(max(from, start), min(to, end))
	}
}

// scan calls yield for each resident word of [start, end) that is in [low, high).
func (m *memory) scan(start, end uint64, shared bool, low, high uint64, yield func(at, word uint64)) {
	m.resident(start, end, shared, func(at, end uint64) {
		for at = (at + 7) &^ 7; at+8 <= end && m.err == nil; {
			buf := m.buf[:min(uint64(len(m.buf)), end-at)]
			n := m.read(at, buf) &^ 7
			if n == 0 {
				return // unmapped since
			}
			for i := 0; i < n; i += 8 {
				if word := binary.LittleEndian.Uint64(buf[i:]); word-low < high-low {
					yield(at+uint64(i), word)
				}
			}
			at += uint64(n)
		}
	})
}
