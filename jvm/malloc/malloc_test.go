package malloc

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/ranges"
)

const (
	mib  = 1 << 20
	base = 0x7f0010000000 // a multiple of HeapMax
)

func TestFind(t *testing.T) {
	for name, tt := range map[string]struct {
		fill  func(*process)
		spans []ranges.Range
		want  []ranges.Range
	}{
		"an arena's first heap": {
			func(p *process) { p.heap(base, 0, base+0x30, 0x21000) },
			[]ranges.Range{span(base, base+0x21000)},
			[]ranges.Range{arena(base, base+0x21000)},
		},
		"a later heap of an arena": {
			func(p *process) { p.heap(base+HeapMax, base, base+0x30, mib) },
			[]ranges.Range{span(base+HeapMax, base+HeapMax+mib)},
			[]ranges.Range{arena(base+HeapMax, base+HeapMax+mib)},
		},
		"a full heap joined to memory on both sides": {
			func(p *process) {
				p.chunk(base-2*mib, mib)
				p.heap(base, 0, base+0x30, HeapMax)
				p.chunk(base+mib, mib) // what lies in a heap is the heap's
				p.chunk(base+HeapMax, mib)
			},
			[]ranges.Range{span(base-3*mib, base+HeapMax+2*mib)},
			[]ranges.Range{chunk(base-2*mib, base-mib), arena(base, base+HeapMax), chunk(base+HeapMax, base+HeapMax+mib)},
		},
		"two full heaps in a row": {
			func(p *process) {
				p.heap(base, 0, base+0x30, HeapMax)
				p.heap(base+HeapMax, base, base+0x30, HeapMax)
			},
			[]ranges.Range{span(base, base+2*HeapMax)},
			[]ranges.Range{arena(base, base+HeapMax), arena(base+HeapMax, base+2*HeapMax)},
		},
		"chunks back to back": {
			func(p *process) {
				for i := range uint64(3) {
					p.chunk(base+mib+i*0x101000, 0x101000)
				}
			},
			[]ranges.Range{span(base+mib, base+mib+3*0x101000)},
			[]ranges.Range{chunk(base+mib, base+mib+0x101000), chunk(base+mib+0x101000, base+mib+0x202000), chunk(base+mib+0x202000, base+mib+0x303000)},
		},
		"chunks of glibc 2.43, back to back": {
			func(p *process) {
				p.chunk(base+mib, mib)
				p.put(base+mib, 0, mib-chunkHeader|isMmapped)
				p.chunk(base+2*mib, mib)
				p.put(base+2*mib, 0, mib-chunkHeader|isMmapped)
			},
			[]ranges.Range{span(base+mib, base+3*mib)},
			[]ranges.Range{chunk(base+mib, base+2*mib), chunk(base+2*mib, base+3*mib)},
		},
		"chunks that realloc made smaller": {
			func(p *process) {
				p.put(base+mib, 0, 3*pageSize|isMmapped)
				p.put(base+mib+3*pageSize, 0, 2*pageSize|isMmapped)
				p.put(base+2*mib, 0, 2*pageSize|isMmapped)
			},
			[]ranges.Range{span(base+mib, base+mib+5*pageSize), span(base+2*mib, base+2*mib+4*pageSize)},
			[]ranges.Range{chunk(base+mib, base+mib+3*pageSize), chunk(base+mib+3*pageSize, base+mib+5*pageSize)}, // the last may be anything
		},
		"a chunk header within a chunk": {
			func(p *process) {
				p.chunk(base+mib, mib)
				p.put(base+mib+mib/2, 0, 0x40000|isMmapped)
			},
			[]ranges.Range{span(base+mib, base+4*mib)},
			[]ranges.Range{chunk(base+mib, base+2*mib)},
		},
		"a chunk that is larger than its span": {
			func(p *process) { p.chunk(base+mib, mib) },
			[]ranges.Range{span(base+mib, base+2*mib-pageSize)},
			nil,
		},
		"a chunk that claims nearly all memory": {
			func(p *process) { p.put(base+mib, 0, ^uint64(pageSize-1)|isMmapped) },
			[]ranges.Range{span(base+mib, base+4*mib)},
			nil,
		},
		"not quite a chunk": {
			func(p *process) {
				p.put(base+1*mib, 8, mib|isMmapped)                 // prev_size: not the start of its mapping
				p.put(base+2*mib, 0, mib|isMmapped|1)               // flags of a chunk in an arena
				p.put(base+3*mib, 0, (mib+16)|isMmapped)            // no whole pages
				p.put(base+4*mib, 0, (minChunk-pageSize)|isMmapped) // below the threshold
				p.put(base + 5*mib)                                 // zeros
			},
			[]ranges.Range{span(base+mib, base+8*mib)},
			nil,
		},
		"not quite a heap": {
			func(p *process) {
				p.heap(base+0*HeapMax, 0, base-8, mib)                 // arena below the heap
				p.heap(base+1*HeapMax, base+8, base+0x30, mib)         // prev not aligned
				p.heap(base+2*HeapMax, 0, base+2*HeapMax+0x30, 0)      // empty
				p.put(base+3*HeapMax, base+3*HeapMax+0x30, 0, mib, 10) // size beyond what is readable
				p.put(base+4*HeapMax, base+4*HeapMax+0x30, 0, 8, 2*HeapMax)
				p.put(base + 5*HeapMax)
			},
			[]ranges.Range{span(base, base+6*HeapMax)},
			nil,
		},
		"several spans": {
			func(p *process) {
				p.chunk(base+mib, mib)
				p.chunk(base+4*mib, mib)
			},
			[]ranges.Range{span(base+mib, base+2*mib), span(base+2*mib, base+3*mib), span(base+4*mib, base+5*mib)},
			[]ranges.Range{chunk(base+mib, base+2*mib), chunk(base+4*mib, base+5*mib)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProcess()
			tt.fill(p)
			got, err := Find(p, p, Areas{}, tt.spans)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %x, want %x, %v", got, tt.want, err)
			}
			arenas, err := Arenas(p, p, Areas{}, tt.spans)
			isChunk := func(r ranges.Range) bool { return r.Kind != ranges.MallocArena }
			if want := slices.DeleteFunc(slices.Clone(tt.want), isChunk); err != nil || !slices.Equal(arenas, want) {
				t.Errorf("arenas %x, want %x, %v", arenas, want, err)
			}
			if len(p.looked) > 0 {
				t.Errorf("pages that are not resident were read: %x", p.looked)
			}
		})
	}
}

// TestFindIsBounded searches memory that is not malloc's: it gives up there,
// but not in what lies above.
func TestFindIsBounded(t *testing.T) {
	p := newProcess()
	const pages = maxMisses + 100
	for i := range uint64(pages) {
		p.put(base+i*pageSize, 1)
	}
	const above = base + 64*mib
	p.chunk(above, mib)
	got, err := Find(p, p, Areas{}, []ranges.Range{span(base, base+pages*pageSize), span(above, above+mib)})
	if !errors.Is(err, ranges.ErrBounded) || p.reads > maxMisses+4 { // and two heap headers
		t.Errorf("%d reads, %v", p.reads, err)
	}
	if !slices.Equal(got, []ranges.Range{chunk(above, above+mib)}) {
		t.Errorf("found %x", got)
	}
}

// TestFindBehindOthers: the kernel joined a chunk and more memory of others than is searched
// without a reason, below it.
func TestFindBehindOthers(t *testing.T) {
	const (
		others    = base + 64*mib
		pages     = 4 * maxMisses
		at        = others + pages*pageSize
		variables = base
		brk       = base - 64*mib
	)
	spans := []ranges.Range{span(others, at+2*mib)}
	want := []ranges.Range{chunk(at, at+mib), chunk(at+mib, at+2*mib)}
	areas := Areas{Brk: span(brk, brk+mib), Library: []ranges.Range{span(variables, variables+2*pageSize)}}
	fill := func(account uint64) *process {
		p := newProcess()
		for i := range uint64(pages) {
			p.put(others+i*pageSize, 1)
		}
		p.chunk(at, mib)
		p.chunk(at+mib, mib)
		p.put(variables+pageSize, 7, account, 3*mib, brk)
		return p
	}
	for name, tt := range map[string]struct {
		account uint64
		areas   Areas
		want    []ranges.Range
		err     error
	}{
		"malloc has them":              {2 * mib, areas, want, nil},
		"malloc has more":              {3 * mib, areas, want, nil},
		"malloc has none":              {0, areas, nil, nil}, // they are not its
		"malloc's account is not told": {2 * mib, Areas{Brk: areas.Brk}, nil, ranges.ErrBounded},
	} {
		t.Run(name, func(t *testing.T) {
			p := fill(tt.account)
			got, err := Find(p, p, tt.areas, spans)
			if !errors.Is(err, tt.err) || !slices.Equal(got, tt.want) || len(p.looked) > 0 {
				t.Errorf("%x, %v, want %x, %v; read %x", got, err, tt.want, tt.err, p.looked)
			}
		})
	}
	t.Run("found before", func(t *testing.T) {
		p := fill(3 * mib) // one is never found
		var f Finder
		if got, err := f.Find(p, p, areas, spans); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%x, %v", got, err)
		}
		p.reads = 0
		if got, err := f.Find(p, p, areas, spans); err != nil || !slices.Equal(got, want) || p.reads > 2*maxMisses {
			t.Errorf("again, %d reads: %x, %v", p.reads, got, err)
		}
	})
}

// TestAccount: malloc's account is looked for once, unless it seems to be in several places or has moved.
func TestAccount(t *testing.T) {
	const variables, brk = base, base - 64*mib
	areas := Areas{Brk: span(brk, brk+mib), Library: []ranges.Range{span(variables, variables+4*pageSize)}}
	const once, other = variables + pageSize, variables + 3*pageSize
	for name, tt := range map[string]struct {
		change func(*process)
		want   uint64
		reads  int
	}{
		"it says something else":        {func(p *process) { p.put(once, 3*mib, 3*mib, brk) }, 3 * mib, 1},
		"there is another":              {func(p *process) { p.put(other, 5*mib, 6*mib, brk) }, mib, 1},
		"it has moved":                  {func(p *process) { p.put(once, 0, 0, 0); p.put(other, 5*mib, 6*mib, brk) }, 5 * mib, 3},
		"it is not resident any more":   {func(p *process) { delete(p.pages, once); p.sorted = nil; p.put(other, 5*mib, 6*mib, brk) }, 5 * mib, 1},
		"there is none, and was before": {func(p *process) { p.put(once, 3*mib, 2*mib, brk) }, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProcess()
			p.put(once, mib, 2*mib, brk)
			var f Finder
			if got, ok := f.accounted(p, p, areas); !ok || got != mib {
				t.Fatalf("%d, %v", got, ok)
			}
			tt.change(p)
			p.reads = 0
			if got, ok := f.accounted(p, p, areas); ok != (tt.want > 0) || got != tt.want || p.reads != tt.reads || len(p.looked) > 0 {
				t.Errorf("%d, %v with %d reads, want %d with %d; read %x", got, ok, p.reads, tt.want, tt.reads, p.looked)
			}
		})
	}
	t.Run("two places", func(t *testing.T) {
		p := newProcess()
		p.put(once, mib, 2*mib, brk)
		p.put(other, 0, 0, brk)
		var f Finder
		for want := range uint64(3) { // the larger counts, which may be the other one by now
			p.put(other, want*mib, 2*mib, brk)
			if got, ok := f.accounted(p, p, areas); !ok || got != max(want, 1)*mib {
				t.Errorf("%d, %v, want %d MiB", got, ok, max(want, 1))
			}
		}
	})
}

var errGone = errors.New("process is gone")

type gone struct{ *process }

func (gone) ReadAt([]byte, int64) (int, error) { return 0, errGone }

type unmapped struct{ *process }

func (unmapped) Pages(uint64, uint64, func(uint64)) error { return errGone }

func TestFindErrors(t *testing.T) {
	p := newProcess()
	p.chunk(base+mib, mib)
	spans := []ranges.Range{span(base+mib, base+3*mib)}
	if got, err := Find(gone{p}, p, Areas{}, spans); !errors.Is(err, errGone) || len(got) > 0 {
		t.Errorf("memory that cannot be read: %x, %v", got, err)
	}
	if got, err := Find(p, unmapped{p}, Areas{}, spans); !errors.Is(err, errGone) || len(got) > 0 {
		t.Errorf("pages that cannot be read: %x, %v", got, err)
	}
}

// TestFindInJVM: memory of Unsafe.allocateMemory is found, whether malloc mmaps
// each block or takes it from an arena.
func TestFindInJVM(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-XX:+UseSerialGC", "-Xmx32m", "-Xint"}}) // compilers malloc as they like
	before := find(t, j.PID)
	j.Do("unsafe 24")
	large := find(t, j.PID)
	j.Do("unsafe 24 4096")
	both := find(t, j.PID)
	t.Logf("resident malloc: %v, with 24 MiB in large blocks %v, with 24 MiB in small ones %v", before, large, both)
	for name, grew := range map[string]int64{
		"mmapped chunks": large[ranges.MallocChunk] - before[ranges.MallocChunk],
		"arenas":         both[ranges.MallocArena] - large[ranges.MallocArena],
	} {
		// 16 bytes a block are malloc's, a page of each large one; and the JVM
		// goes on meanwhile.
		if grew < 24*mib || grew > 25*mib {
			t.Errorf("%s grew by %d bytes, want 24 MiB", name, grew)
		}
	}
	if other := both[ranges.MallocChunk] - large[ranges.MallocChunk]; other != 0 {
		t.Errorf("mmapped chunks grew by %d bytes for small blocks", other)
	}
}

// TestAccountInJVM: libc has one account, and it counts what is mmapped.
func TestAccountInJVM(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-XX:+UseSerialGC", "-Xmx32m"}})
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", j.PID))
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	var mappings []pages.Mapping
	if err := new(pages.Reader).ReadMaps(maps, func(m *pages.Mapping) { mappings = append(mappings, *m) }); err != nil {
		t.Fatal(err)
	}
	resident, err := pages.OpenPagemap(fmt.Sprintf("/proc/%d/pagemap", j.PID))
	if err != nil {
		t.Fatal(err)
	}
	defer resident.Close()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", j.PID))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	var f Finder
	account := func() uint64 {
		bytes, ok := f.accounted(mem, resident, NewAreas(mappings, nil))
		if !ok || f.account == 0 {
			t.Errorf("malloc's account was not found in one place: %v, %x", ok, f.account)
		}
		return bytes
	}
	before := account()
	j.Do("unsafe 24")
	if grew := account() - before; grew < 24*mib || grew > 25*mib {
		t.Errorf("malloc's account grew by %d bytes, want 24 MiB", grew)
	}
}

// find returns what is resident of malloc's memory by kind.
func find(t *testing.T, pid int) map[ranges.Kind]int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		t.Fatal(err)
	}
	var spans []ranges.Range
	var reader pages.Reader
	err = reader.Read(bytes.NewReader(text), func(m *pages.Mapping) {
		if m.Anonymous() && m.Perm == pages.Read|pages.Write && m.AnonymousBytes > 0 {
			spans = append(spans, span(m.Start, m.End))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := pages.OpenPagemap(fmt.Sprintf("/proc/%d/pagemap", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer pages.Close()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	found, err := Find(mem, pages, Areas{}, spans)
	if err != nil && !errors.Is(err, ranges.ErrBounded) { // the Java heap is among the spans
		t.Fatal(err)
	}
	check(t, found, spans)
	resident := make(map[ranges.Kind]int64)
	for _, r := range found {
		anonymous, _, err := pages.Resident(r.Start, r.End)
		if err != nil {
			t.Fatal(err)
		}
		resident[r.Kind] += anonymous
	}
	return resident
}

// check checks that what was found is in order, disjoint and within the spans.
func check(t *testing.T, found, spans []ranges.Range) {
	t.Helper()
	var last uint64
	for _, r := range found {
		if r.Start < last || r.Start >= r.End {
			t.Fatalf("%x-%x after %x", r.Start, r.End, last)
		}
		last = r.End
		if !slices.ContainsFunc(spans, func(s ranges.Range) bool { return s.Start <= r.Start && r.End <= s.End }) {
			t.Fatalf("%x-%x is in no span", r.Start, r.End)
		}
		if r.Kind != ranges.MallocArena && r.Kind != ranges.MallocChunk {
			t.Fatalf("%x-%x is %v", r.Start, r.End, r.Kind)
		}
	}
}

// FuzzFind fills spans with pages that hold anything.
func FuzzFind(f *testing.F) {
	seed := func(numbers ...uint64) {
		var b []byte
		for _, n := range numbers {
			b = binary.LittleEndian.AppendUint64(b, n)
		}
		f.Add(b)
	}
	seed(0, 300<<12, 0, 0, minChunk|isMmapped, 0, 0, 40, 0, minChunk|isMmapped, 0, 0)
	seed(0, 1<<27, 0, base+0x30, 0, HeapMax, HeapMax, 1<<14, base+0x30, base, mib, mib)
	seed(0, 1<<13, 0, 0, ^uint64(pageSize-1)|isMmapped, 0, 0)
	f.Fuzz(func(t *testing.T, data []byte) {
		numbers := bufio.NewReader(bytes.NewReader(data))
		next := func() (n uint64) {
			if binary.Read(numbers, binary.LittleEndian, &n) != nil {
				return 0
			}
			return n
		}
		p := newProcess()
		var spans []ranges.Range
		at := uint64(base)
		for {
			if _, err := numbers.Peek(16); err != nil {
				break
			}
			start := at + next()%(1<<28)&^(pageSize-1)
			s := span(start, start+next()%(1<<28)&^(pageSize-1)+pageSize)
			spans, at = append(spans, s), s.End
			for range 4 { // pages of this span
				page := s.Start + next()%(s.End-s.Start)&^(pageSize-1)
				p.put(page, next(), next(), next(), next())
				if _, err := numbers.Peek(8); err == io.EOF {
					break
				}
			}
		}
		found, err := Find(p, p, Areas{}, spans)
		if err != nil && !errors.Is(err, ranges.ErrBounded) {
			t.Fatal(err)
		}
		check(t, found, spans)
		if p.reads > maxProbes || len(p.looked) > 0 {
			t.Fatalf("%d reads, of pages that are not resident %x", p.reads, p.looked)
		}
	})
}

func TestCountArenas(t *testing.T) {
	p := newProcess()
	p.heap(base, 0, base+0x30, HeapMax)
	p.heap(base+HeapMax, base, base+0x30, mib) // the same arena's second
	p.heap(base+2*HeapMax, 0, base+2*HeapMax+0x30, mib)
	list := []ranges.Range{
		arena(base, base+HeapMax), arena(base+HeapMax, base+2*HeapMax), arena(base+2*HeapMax, base+3*HeapMax),
		arena(base+3*HeapMax, base+4*HeapMax), // unmapped since
		chunk(base+4*HeapMax, base+4*HeapMax+mib),
	}
	if got := CountArenas(p, list); got != 2 {
		t.Errorf("%d arenas, want 2", got)
	}
}
