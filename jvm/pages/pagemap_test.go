package pages

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func address(mem []byte) uint64 { return uint64(uintptr(unsafe.Pointer(&mem[0]))) }

func openPagemap(t *testing.T) *Pagemap {
	t.Helper()
	p, err := OpenPagemap("/proc/self/pagemap")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func mmap(t *testing.T, fd, length, prot, flags int) []byte {
	t.Helper()
	mem, err := unix.Mmap(fd, 0, length, prot, flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(mem) })
	return mem
}

const rw = unix.PROT_READ | unix.PROT_WRITE

func TestPagemapOfThisProcess(t *testing.T) {
	p := openPagemap(t)
	page := os.Getpagesize()
	// More than one read of pagemap, and more than one page table.
	n := 2 * pagemapChunk / 8
	mem := mmap(t, -1, n*page, rw, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err := unix.Madvise(mem, unix.MADV_NOHUGEPAGE); err != nil {
		t.Fatal(err)
	}
	start := address(mem)
	at := func(i int) uint64 { return start + uint64(i*page) }
	written := []int{0, 1, 10, 63, n/2 - 1, n / 2, n - 1}
	for _, i := range written {
		mem[i*page+17] = 1
	}
	var zero byte
	for _, i := range []int{2, 20, n - 2} {
		zero |= mem[i*page] // the shared zero page
	}
	if zero != 0 {
		t.Fatal("fresh memory is not zero")
	}

	for _, tt := range []struct{ from, to, want int }{{0, n, 7}, {0, 64, 4}, {1, 2, 1}, {2, 10, 0}, {20, 21, 0}, {n/2 - 1, n/2 + 1, 2}, {5, 5, 0}} {
		anonymous, file, err := p.Resident(at(tt.from), at(tt.to))
		if err != nil || anonymous != int64(tt.want*page) || file != 0 {
			t.Errorf("pages %d to %d: %d anonymous, %d file, %v; want %d pages", tt.from, tt.to, anonymous, file, err, tt.want)
		}
	}
	for i, want := range map[int]bool{0: true, 1: true, 3: false, 63: true, 64: false, n - 1: true} {
		if p.Present(at(i)+100) != want {
			t.Errorf("page %d: present %v", i, !want)
		}
	}
	var pages []uint64
	if err := p.Pages(start, at(n), func(addr uint64) { pages = append(pages, addr) }); err != nil {
		t.Fatal(err)
	}
	for _, i := range written {
		if !slices.Contains(pages, at(i)) {
			t.Errorf("page %d is missing", i)
		}
	}
	if len(pages) > len(written)+3 || !slices.IsSorted(pages) { // zero pages may be among them
		t.Errorf("pages %x", pages)
	}
	m := mappingOf(t, start+uint64(page))
	if anonymous, file, err := p.Resident(m.Start, m.End); err != nil || anonymous != m.AnonymousBytes || file != m.RSSBytes-m.AnonymousBytes {
		t.Errorf("%d anonymous and %d file, %v; smaps has %+v", anonymous, file, err, m)
	}
}

func TestPagemapOfHugePages(t *testing.T) {
	p := openPagemap(t)
	const huge = 2 << 20
	mem := mmap(t, -1, 5*huge, rw, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err := unix.Madvise(mem, unix.MADV_HUGEPAGE); err != nil {
		t.Fatal(err) // a kernel without transparent huge pages
	}
	start := (address(mem) + huge - 1) &^ (huge - 1)
	skip := start - address(mem)
	mem[skip] = 1           // may be one huge page
	zero := mem[skip+huge]  // may be the huge zero page
	mem[skip+2*huge] = zero // one more, in its middle
	mem[skip+2*huge+5*4096] = zero + 1
	m := mappingOf(t, start)
	anonymous, file, err := p.Resident(m.Start, m.End)
	if err != nil || anonymous != m.AnonymousBytes || anonymous == 0 || file > huge {
		t.Errorf("%d anonymous and %d file, %v; smaps has %+v", anonymous, file, err, m)
	}
}

func TestPagemapOfFiles(t *testing.T) {
	p := openPagemap(t)
	page := os.Getpagesize()
	f, err := os.Create(filepath.Join(t.TempDir(), "mapped"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 8*page)); err != nil {
		t.Fatal(err)
	}
	private := mmap(t, int(f.Fd()), 8*page, rw, unix.MAP_PRIVATE)
	shared := mmap(t, -1, 4*page, rw, unix.MAP_SHARED|unix.MAP_ANON)
	for i := range 8 {
		if private[i*page] != 0 {
			t.Fatal("not what was written")
		}
	}
	private[0], private[3*page], shared[page] = 1, 1, 1
	for name, tt := range map[string]struct {
		mem             []byte
		anonymous, file int
	}{"private file": {private, 2, 6}, "shared memory": {shared, 0, 1}} {
		start := address(tt.mem)
		anonymous, file, err := p.Resident(start, start+uint64(len(tt.mem)))
		if err != nil || anonymous != int64(tt.anonymous*page) || file != int64(tt.file*page) {
			t.Errorf("%s: %d anonymous, %d file, %v", name, anonymous, file, err)
		}
	}
	if p.Present(address(private)+uint64(page)) || !p.Present(address(private)) {
		t.Error("only copied pages of a file are private")
	}
}

func TestPagemapErrors(t *testing.T) {
	p := openPagemap(t)
	const beyond = 1 << 58 // five levels of page tables end at 1 << 56
	if _, _, err := p.Resident(beyond, beyond+4096); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("beyond the address space: %v", err)
	}
	if err := p.Pages(beyond, beyond+4096, func(uint64) { t.Error("a page beyond the address space") }); err == nil {
		t.Error("beyond the address space: no error")
	}
	if p.Present(beyond) {
		t.Error("present beyond the address space")
	}
	if _, err := OpenPagemap("/proc/self/no-such-file"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}

// mappingOf returns the mapping of this process at addr.
func mappingOf(t *testing.T, addr uint64) Mapping {
	t.Helper()
	mappings := readSelf(t)
	i := slices.IndexFunc(mappings, func(m Mapping) bool { return m.Start <= addr && addr < m.End })
	if i < 0 {
		t.Fatalf("nothing is mapped at %x", addr)
	}
	return mappings[i]
}
