package resident

import (
	"bytes"
	"errors"
	"maps"
	"path/filepath"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/ranges"
)

const rw = pages.Read | pages.Write

// fakePages is which pages are resident, by address: true for private ones.
type fakePages map[uint64]bool

func (p fakePages) Resident(start, end uint64) (anonymous, file int64, err error) {
	for addr, private := range p {
		switch {
		case addr < start || addr >= end:
		case private:
			anonymous += 4096
		default:
			file += 4096
		}
	}
	return anonymous, file, nil
}

var errPagemap = errors.New("pagemap")

type noPages struct{}

func (noPages) Resident(uint64, uint64) (anonymous, file int64, err error) { return 0, 0, errPagemap }

func TestCountPagesByFile(t *testing.T) {
	const tmpfs = 25
	const rss, anon = 40 << 10, 12 << 10
	file := func(r Bytes) Bytes {
		return Bytes{AnonBytes: anon, FileBytes: r.FileBytes, ShmemBytes: r.ShmemBytes}
	}
	cached, shmem := file(Bytes{FileBytes: rss - anon}), file(Bytes{ShmemBytes: rss - anon})
	for _, tt := range []struct {
		path  string
		perm  pages.Perm
		dev   uint64
		inode uint64
		kind  ranges.Kind
		want  Bytes
	}{
		{"", rw, 0, 0, ranges.Unknown, cached},
		{"[anon:glibc: malloc]", rw, 0, 0, ranges.Unknown, cached},
		{"[heap]", rw, 0, 0, ranges.MallocArena, cached},
		{"[stack]", rw, 0, 0, ranges.Stack, cached},
		{"", rw | pages.Shared, 1, 9, ranges.SharedMem, shmem},
		{"[anon_shmem:x]", rw | pages.Shared, 1, 9, ranges.SharedMem, shmem},
		{"/dev/zero (deleted)", rw | pages.Shared, 1, 9, ranges.SharedMem, shmem},
		{"/SYSV00000000 (deleted)", rw | pages.Shared, 1, 9, ranges.SharedMem, shmem},
		{"/memfd:java_heap (deleted)", rw | pages.Shared, 1, 9, ranges.Heap, shmem},
		{"/memfd:java_heap.generation (deleted)", rw | pages.Shared, 1, 9, ranges.Heap, shmem},
		{"/memfd:other (deleted)", rw | pages.Shared, 1, 9, ranges.SharedMem, shmem},
		{"/dev/shm/x", rw | pages.Shared, 7, 9, ranges.SharedMem, shmem},
		{"/run/x", rw | pages.Shared, tmpfs, 9, ranges.SharedMem, shmem},
		{"/run/lib.so", rw, tmpfs, 9, ranges.SharedMem, shmem}, // charged as shared memory, whatever it is
		{"/jdk/lib/server/libjvm.so", pages.Read, 7, 9, ranges.Library, cached},
		{"/jdk/lib/server/libjvm.so (deleted)", rw, 7, 9, ranges.Library, cached},
		{"/usr/lib/libz.so.1.3.2", pages.Read, 7, 50, ranges.Library, cached}, // by its executable part below
		{"/app/app.jar", pages.Read, 7, 9, ranges.Library, cached},
		{"/jdk/lib/modules", pages.Read | pages.Shared, 7, 9, ranges.Library, cached},
		{"/jdk/lib/server/classes.jsa", rw, 7, 9, ranges.CDS, cached},
		{"/data/index.dat", pages.Read | pages.Shared, 7, 9, ranges.MappedFile, cached},
		{"/data/private copy", rw, 7, 9, ranges.MappedFile, cached},
		{"/data/modules", rw, 7, 9, ranges.MappedFile, cached},
	} {
		m := pages.Mapping{Start: 1 << 20, End: 2 << 20, Path: tt.path, Perm: tt.perm, Dev: tt.dev, Inode: tt.inode, RSSBytes: rss, AnonymousBytes: anon, SwapBytes: 4096}
		code := pages.Mapping{Start: 2 << 20, End: 3 << 20, Path: "/usr/lib/libz.so.1.3.2", Perm: pages.Read | pages.Exec, Dev: 7, Inode: 50}
		vdso := pages.Mapping{Start: 3 << 20, End: 3<<20 + 8192, Path: "[vdso]", Perm: pages.Read | pages.Exec, RSSBytes: 4096}
		c := CountPages([]pages.Mapping{m, code, vdso}, nil, map[uint64]bool{tmpfs: true}, nil)
		tt.want.ReservedBytes = 1 << 20
		want := map[ranges.Kind]Bytes{tt.kind: tt.want}
		library := want[ranges.Library]
		library.ReservedBytes += 1 << 20
		want[ranges.Library] = library
		if !maps.Equal(c.Kinds, want) || c.SwapBytes != 4096 {
			t.Errorf("%s: %+v, swap %d; want %+v", tt.path, c.Kinds, c.SwapBytes, want)
		}
	}
}

func TestCountPagesSplitsMappings(t *testing.T) {
	list := []ranges.Range{
		{Start: 0x10000, End: 0x14000, Kind: ranges.Heap},
		{Start: 0x18000, End: 0x1c000, Kind: ranges.Stack, Thread: 7},
		{Start: 0x1c000, End: 0x30000, Kind: ranges.Stack, Thread: 8}, // goes on in the next mapping
	}
	mappings := []pages.Mapping{
		{Start: 0x12000, End: 0x20000, Perm: rw, RSSBytes: 5 * 4096, AnonymousBytes: 5 * 4096}, // from the middle of the heap on
		{Start: 0x20000, End: 0x21000, Perm: rw, RSSBytes: 4096, AnonymousBytes: 4096},
		{Start: 0x40000, End: 0x41000, Perm: rw, RSSBytes: 4096, AnonymousBytes: 4096},
	}
	resident := fakePages{0x11000: true /* not mapped here */, 0x12000: true, 0x13000: true, 0x14000: true, 0x18000: true, 0x1f000: true, 0x15000: false /* the huge zero page */}
	const page = 4096
	for name, tt := range map[string]struct {
		pages  PageCounter
		want   map[ranges.Kind]Bytes
		stacks map[int]int64
		err    error
	}{
		"by pagemap": {
			pages: resident,
			want: map[ranges.Kind]Bytes{
				ranges.Heap:    {AnonBytes: 2 * page, ReservedBytes: 2 * page},
				ranges.Stack:   {AnonBytes: 3 * page, ReservedBytes: 9 * page},
				ranges.Unknown: {AnonBytes: 2 * page, ReservedBytes: 5 * page},
			},
			stacks: map[int]int64{7: page, 8: 2 * page},
		},
		"no pagemap": { // the first of the largest parts
			pages: nil,
			want: map[ranges.Kind]Bytes{
				ranges.Heap:    {ReservedBytes: 2 * page},
				ranges.Stack:   {AnonBytes: page, ReservedBytes: 9 * page},
				ranges.Unknown: {AnonBytes: 6 * page, ReservedBytes: 5 * page},
			},
			stacks: map[int]int64{7: 0, 8: page},
		},
		"pagemap that cannot be read": {
			pages: noPages{},
			want: map[ranges.Kind]Bytes{
				ranges.Heap:    {ReservedBytes: 2 * page},
				ranges.Stack:   {AnonBytes: page, ReservedBytes: 9 * page},
				ranges.Unknown: {AnonBytes: page, ReservedBytes: 5 * page},
			},
			stacks: map[int]int64{7: 0, 8: page}, err: errPagemap,
		},
	} {
		c := CountPages(mappings, list, nil, tt.pages)
		if !maps.Equal(c.Kinds, tt.want) || !maps.Equal(c.Stacks, tt.stacks) || !errors.Is(c.Err, tt.err) {
			t.Errorf("%s: %+v, stacks %v, %v; want %+v", name, c.Kinds, c.Stacks, c.Err, tt.want)
		}
	}
}

// TestCountPagesLosesNothing: whatever ranges are known, the private pages add up to what the
// kernel counts.
func TestCountPagesLosesNothing(t *testing.T) {
	for _, path := range jvmtest.Captures(t, "../nmt/testdata/jdk*/g1-nmtdetail/detail.txt.gz", 8) {
		jdk := filepath.Base(filepath.Dir(filepath.Dir(path)))
		report, err := nmt.Parse(jvmtest.CaptureText(t, path))
		if err != nil {
			t.Fatal(err)
		}
		var reader pages.Reader
		var mappings []pages.Mapping
		var want, address int64
		smaps := jvmtest.Capture(t, "../pages/testdata/"+jdk+"/g1-nmtdetail/smaps.txt.gz")
		if err := reader.Read(bytes.NewReader(smaps), func(m *pages.Mapping) {
			mappings = append(mappings, *m)
			want += m.AnonymousBytes
			if !m.Special() {
				address += int64(m.End - m.Start)
			}
		}); err != nil {
			t.Fatal(err)
		}
		none := func([]ranges.Range, []int64) ([]ranges.Range, error) { return nil, nil }
		found := (&ranges.Reported{NMT: report.Regions}).Map(mappings, 4096, none, none)
		for name, list := range map[string][]ranges.Range{
			"none": nil, "NMT's map": ranges.Merge(report.Regions), "NMT's map and patterns": found.Ranges,
		} {
			c := CountPages(mappings, list, nil, nil)
			var anon, reserved int64
			for _, r := range c.Kinds {
				anon += r.AnonBytes
				reserved += r.ReservedBytes
			}
			if anon != want || reserved != address {
				t.Errorf("%s, %s: %d bytes in %d, want %d in %d", jdk, name, anon, reserved, want, address)
			}
			if list != nil && c.Kinds[ranges.Heap].AnonBytes < 40<<20 {
				t.Errorf("%s, %s: %+v in the heap", jdk, name, c.Kinds[ranges.Heap])
			}
		}
	}
}
