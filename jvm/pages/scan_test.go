package pages

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestScanOfThisProcess compares a scan with smaps and pagemap, over mappings with
// every kind of page.
func TestScanOfThisProcess(t *testing.T) {
	page := os.Getpagesize()
	f, err := os.Create(filepath.Join(t.TempDir(), "mapped"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 64*page)); err != nil {
		t.Fatal(err)
	}
	const many = 3*piecePages + 17 // more than one piece
	mapped := map[string][]byte{
		"anonymous":    mmap(t, -1, many*page, rw, unix.MAP_PRIVATE|unix.MAP_ANON),
		"private file": mmap(t, int(f.Fd()), 64*page, rw, unix.MAP_PRIVATE),
		"shared file":  mmap(t, int(f.Fd()), 64*page, rw, unix.MAP_SHARED),
		"shared":       mmap(t, -1, 64*page, rw, unix.MAP_SHARED|unix.MAP_ANON),
		"scattered":    mmap(t, -1, 4*pieceRuns*page, rw, unix.MAP_PRIVATE|unix.MAP_ANON),
		"huge":         mmap(t, -1, 8<<20, rw, unix.MAP_PRIVATE|unix.MAP_ANON),
	}
	if err := errors.Join(unix.Madvise(mapped["anonymous"], unix.MADV_NOHUGEPAGE), unix.Madvise(mapped["scattered"], unix.MADV_NOHUGEPAGE),
		unix.Madvise(mapped["huge"], unix.MADV_HUGEPAGE)); err != nil {
		t.Fatal(err)
	}
	zero := byte(0)
	for name, mem := range mapped {
		step := map[string]int{"scattered": 2, "private file": 3}[name]
		for i := range len(mem) / page {
			if step > 0 && i%step > 0 {
				zero |= mem[i*page] // the zero page, or the file's
			} else if name != "huge" || i > 3*(2<<20)/page {
				mem[i*page] = 1
			}
		}
	}
	zero |= mapped["huge"][0] // may be the huge zero page

	pagemap := openPagemap(t)
	var reader Reader
	var scan Scan
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	var mappings []Mapping
	if err := reader.ReadMaps(maps, func(m *Mapping) { mappings = append(mappings, *m) }); err != nil {
		t.Fatal(err)
	}
	if err := scan.Read(pagemap, mappings, nil); err != nil {
		if old := !kernelIs(6, 7) || hasGuards() && !kernelIs(6, 15); old && errors.Is(err, ErrNoScan) {
			return // as it has to be
		}
		t.Fatal(err)
	}
	for name, mem := range mapped {
		start := address(mem)
		end := start + uint64(len(mem))
		var rss, anonymous, want, wantAnonymous int64
		for _, m := range within(mappings, start, end) {
			rss, anonymous = rss+m.RSSBytes, anonymous+m.AnonymousBytes
		}
		for _, m := range within(readSelf(t), start, end) {
			want, wantAnonymous = want+m.RSSBytes, wantAnonymous+m.AnonymousBytes
		}
		if rss != want || anonymous != wantAnonymous || rss == 0 {
			t.Errorf("%s: %d resident, %d anonymous; smaps has %d and %d", name, rss, anonymous, want, wantAnonymous)
		}
		for _, part := range [][2]uint64{{start, end}, {start + uint64(page), end - uint64(7*page)}, {start, start + 1}, {end, end}} {
			anonymous, file, err := scan.Resident(part[0], part[1])
			wantAnonymous, wantFile, wantErr := pagemap.Resident(part[0], part[1])
			if name == "huge" { // pagemap takes its zero page for a file's
				file, wantFile = 0, 0
			}
			if part[1] == part[0]+1 { // Pagemap counts whole pages
				continue
			}
			if anonymous != wantAnonymous || file != wantFile || err != nil || wantErr != nil {
				t.Errorf("%s, %x: %d anonymous, %d file, %v; pagemap has %d, %d, %v", name, part, anonymous, file, err, wantAnonymous, wantFile, wantErr)
			}
		}
		count := 0
		if err := scan.Pages(start, end, func(addr uint64) {
			if count++; !scan.Present(addr) || !pagemap.Present(addr) {
				t.Errorf("%s: page %x is not present", name, addr)
			}
		}); err != nil || int64(count*page) != wantAnonymous {
			t.Errorf("%s: %d pages, %v, want %d bytes", name, count, err, wantAnonymous)
		}
	}
	if zero > 1 {
		t.Error("not what was written")
	}
}

// TestScanSkips: private memory that is to be skipped seems not to be resident, what is
// around it is counted, and so are files.
func TestScanSkips(t *testing.T) {
	page := uint64(os.Getpagesize())
	f, err := os.Create(filepath.Join(t.TempDir(), "mapped"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(int64(64 * page)); err != nil {
		t.Fatal(err)
	}
	memory, file := mmap(t, -1, int(64*page), rw, unix.MAP_PRIVATE|unix.MAP_ANON), mmap(t, int(f.Fd()), int(64*page), rw, unix.MAP_PRIVATE)
	if err := unix.Madvise(memory, unix.MADV_NOHUGEPAGE); err != nil {
		t.Fatal(err)
	}
	for i := range 64 {
		memory[i*int(page)], file[i*int(page)] = 1, 1
	}
	at, fileAt := address(memory), address(file)
	of := func(start uint64, from, to int) Span { return Span{start + uint64(from)*page, start + uint64(to)*page} }
	for name, tt := range map[string]struct {
		skip []Span
		left int64 // pages of memory
	}{
		"nothing":            {nil, 64},
		"all":                {[]Span{of(at, 0, 64)}, 0},
		"the first pages":    {[]Span{of(at, 0, 10)}, 54},
		"the last ones":      {[]Span{of(at, 50, 64)}, 50},
		"in the middle":      {[]Span{of(at, 10, 20)}, 54},
		"twice":              {[]Span{of(at, 10, 20), of(at, 30, 31)}, 53},
		"side by side":       {[]Span{of(at, 10, 20), of(at, 20, 31)}, 43},
		"also before":        {[]Span{{at - page, at + 4*page}}, 60},
		"also after":         {[]Span{{at + 60*page, at + 65*page}}, 60},
		"before":             {[]Span{{at - page, at}}, 64},
		"only after":         {[]Span{{at + 64*page, at + 65*page}}, 64},
		"a file, not memory": {[]Span{of(fileAt, 0, 64)}, 64},
	} {
		mappings := readSelf(t)
		for i := range mappings {
			mappings[i].RSSBytes, mappings[i].AnonymousBytes = 0, 0
		}
		var scan Scan
		if err := scan.Read(openPagemap(t), mappings, tt.skip); err != nil {
			if errors.Is(err, ErrNoScan) { // TestScanOfThisProcess knows whether it may
				return
			}
			t.Fatal(err)
		}
		anonymous, _, _ := scan.Resident(at, at+64*page)
		copied, _, _ := scan.Resident(fileAt, fileAt+64*page)
		if anonymous != tt.left*int64(page) || copied != int64(64*page) {
			t.Errorf("%s: %d pages of memory, want %d, %d of the file, want 64", name, anonymous/int64(page), tt.left, copied/int64(page))
		}
	}
}

// TestScanGuards: guard regions are no swap, and mark what holds them.
func TestScanGuards(t *testing.T) {
	const madvGuardInstall = 102
	mem := mmap(t, -1, 1<<20, rw, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_STACK)
	if err := unix.Madvise(mem[:8192], madvGuardInstall); err != nil {
		if hasGuards() {
			t.Fatal(err)
		}
		return // nor is there anything to find
	}
	mem[len(mem)-1] = 1
	mappings := readSelf(t)
	for i := range mappings {
		mappings[i].RSSBytes, mappings[i].AnonymousBytes, mappings[i].SwapBytes = 0, 0, 0
	}
	if err := new(Scan).Read(openPagemap(t), mappings, nil); err != nil {
		t.Fatal(err)
	}
	found := within(mappings, address(mem), address(mem)+uint64(len(mem)))
	if len(found) != 1 || !found[0].Guarded || found[0].SwapBytes != 0 || found[0].AnonymousBytes != int64(os.Getpagesize()) {
		t.Errorf("%+v", found)
	}
	for i := range mappings {
		if m := &mappings[i]; m.Guarded && m.Start != found[0].Start {
			t.Errorf("no guard is in %+v", m)
		}
	}
}

// within returns the mappings that overlap [start, end).
func within(mappings []Mapping, start, end uint64) []Mapping {
	var found []Mapping
	for _, m := range mappings {
		if m.Start < end && m.End > start {
			found = append(found, m)
		}
	}
	return found
}
