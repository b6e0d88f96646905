package pages

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// Bits of a pagemap entry (Documentation/admin-guide/mm/pagemap.rst).
const (
	pagePresent   = 1 << 63
	pageFile      = 1 << 61 // page of a file or of shared memory
	pageExclusive = 1 << 56 // mapped here only
)

// pagemapChunk is the size of one read of pagemap: the kernel walks that
// many pages (32 MiB of addresses) under one hold of mmap_lock.
const pagemapChunk = 64 << 10

// Pagemap reports which pages of a process are resident. Not safe for concurrent use.
type Pagemap struct {
	file     *os.File
	pageSize uint64
	buf      []byte
}

// OpenPagemap opens a /proc/<pid>/pagemap.
func OpenPagemap(path string) (*Pagemap, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &Pagemap{file: f, pageSize: uint64(os.Getpagesize())}, nil
}

// Close closes the file.
func (p *Pagemap) Close() error { return p.file.Close() }

// PageSize returns the size of a page in bytes.
func (p *Pagemap) PageSize() uint64 { return p.pageSize }

// Resident returns how many bytes of [start, end) are resident: private pages (as
// Anonymous in smaps), and pages of files or shared memory. The shared zero page is not
// counted, as in smaps; the huge zero page is counted as a file's.
func (p *Pagemap) Resident(start, end uint64) (anonymous, file int64, err error) {
	err = p.entries(start, end, func(_ uint64, entry uint64) {
		switch {
		case entry&pagePresent == 0:
		case entry&pageFile != 0:
			file += int64(p.pageSize)
		case private(entry):
			anonymous += int64(p.pageSize)
		}
	})
	return anonymous, file, err
}

// private reports whether an entry is a resident private page. The shared zero page differs
// from others only in that it is mapped elsewhere too.
func private(entry uint64) bool {
	return entry&(pagePresent|pageFile|pageExclusive) == pagePresent|pageExclusive
}

// Present reports whether the page at addr is a resident private page, so that reading
// it does not change the process.
func (p *Pagemap) Present(addr uint64) bool {
	present := false
	err := p.entries(addr, addr+1, func(_ uint64, entry uint64) {
		present = private(entry)
	})
	return err == nil && present
}

// Pages calls yield for each resident private page of [start, end).
func (p *Pagemap) Pages(start, end uint64, yield func(addr uint64)) error {
	return p.entries(start, end, func(addr, entry uint64) {
		if private(entry) {
			yield(addr)
		}
	})
}

// SharedPages calls yield for each resident page of a file or of shared memory in
// [start, end).
func (p *Pagemap) SharedPages(start, end uint64, yield func(addr uint64)) error {
	return p.entries(start, end, func(addr, entry uint64) {
		if entry&pagePresent != 0 && entry&pageFile != 0 {
			yield(addr)
		}
	})
}

func (p *Pagemap) entries(start, end uint64, yield func(addr, entry uint64)) error {
	if p.buf == nil { // a Scan needs none
		p.buf = make([]byte, pagemapChunk)
	}
	for page := start / p.pageSize; page*p.pageSize < end; {
		left := (end - page*p.pageSize + p.pageSize - 1) / p.pageSize
		buf := p.buf[:min(left*8, uint64(len(p.buf)))]
		n, err := p.file.ReadAt(buf, int64(page*8))
		if n < 8 {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF // beyond the address space, or the process is gone
			}
			return fmt.Errorf("pagemap at %#x: %w", page*p.pageSize, err)
		}
		for i := 0; i+8 <= n; i += 8 {
			yield(page*p.pageSize, binary.NativeEndian.Uint64(buf[i:]))
			page++
		}
	}
	return nil
}
