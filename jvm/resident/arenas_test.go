package resident

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/pages"
)

// TestCountGrown: new pages are counted wherever they are, long runs are known, and a count of all
// finds what was freed.
func TestCountGrown(t *testing.T) {
	mem, err := unix.Mmap(-1, 0, 16*longRun, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	if err := unix.Madvise(mem, unix.MADV_NOHUGEPAGE); err != nil {
		t.Fatal(err)
	}
	const page = 64 << 10 // of any machine
	touch := func(from, to int) {
		for at := from; at < to; at += 4 << 10 {
			mem[at] = 1
		}
	}
	free := func(from, to int) {
		t.Helper()
		if err := unix.Madvise(mem[from:to], unix.MADV_DONTNEED); err != nil {
			t.Fatal(err)
		}
	}
	start := uint64(uintptr(unsafe.Pointer(&mem[0])))
	a := &Arenas{spans: []pages.Span{{Start: start, End: start + uint64(len(mem))}}}
	var scan pages.Scan
	for _, step := range []struct {
		name           string
		do             func()
		grown, counted int64
	}{
		{"a long and a short run", func() { touch(0, 4*longRun); touch(6*longRun, 6*longRun+4*page) }, 4*longRun + 4*page, 4*longRun + 4*page},
		{"after, between and before what is there", func() { touch(4*longRun, 4*longRun+page); touch(8*longRun, 9*longRun) }, 5*longRun + 5*page, 5*longRun + 5*page},
		{"a part of the long run freed", func() { free(longRun, 2*longRun) }, 5*longRun + 5*page, 4*longRun + 5*page},
		{"a part of the short run freed", func() { free(6*longRun, 6*longRun+page) }, 4*longRun + 4*page, 4*longRun + 4*page},
	} {
		step.do()
		if a.rest == nil { // the first count is of all
			if _, ok := a.Count("/proc/self", &scan); !ok {
				return // without PAGEMAP_SCAN; TestScanOfThisProcess knows whether it may be
			}
		}
		if bytes, ok := a.CountGrown("/proc/self", &scan); !ok || bytes != step.grown {
			t.Errorf("%s: %d bytes, not %d", step.name, bytes, step.grown)
		}
		if bytes, ok := a.Count("/proc/self", &scan); !ok || bytes != step.counted {
			t.Errorf("%s: %d bytes in all, not %d", step.name, bytes, step.counted)
		}
	}
}
