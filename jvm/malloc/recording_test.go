package malloc

import (
	"bufio"
	"compress/gzip"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// TestWalkProgram writes a recording if the flags say so; see testdata/README.md.
var (
	recordTo   = flag.String("record-to", "", "file that gets a recording of testdata/blocks.c")
	recordWith = flag.String("record-with", "", "the loader of another glibc, and the folder of its libc.so.6")
)

// recording is the memory of testdata/blocks.c, and what it says about its blocks.
type recording struct {
	*process
	areas Areas
	truth truth
	lines []string // what it says, as text
}

func (r *recording) all() []ranges.Range {
	return slices.Concat([]ranges.Range{r.areas.Brk}, r.areas.Library, r.areas.Found)
}

// record writes a recording of a running program.
func record(t *testing.T, to string, l live, lines []string) {
	file, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zip, _ := gzip.NewWriterLevel(file, gzip.BestCompression)
	list := slices.Concat([]ranges.Range{l.areas.Brk}, l.areas.Library, l.areas.Found)
	if l.areas.Allocator != Glibc {
		fmt.Fprintf(zip, "allocator %d %s\n", l.areas.Allocator, l.areas.Name)
		for _, r := range l.areas.Library {
			fmt.Fprintf(zip, "library %x %x\n", r.Start, r.End)
		}
		list = l.private
	}
	for i, r := range list {
		kind := "library"
		switch {
		case l.areas.Allocator != Glibc:
			kind = "memory"
		case i == 0:
			kind = "brk"
		case r.Kind == ranges.MallocArena:
			kind = "arena"
		case r.Kind == ranges.MallocChunk:
			kind = "chunk"
		}
		fmt.Fprintf(zip, "%s %x %x\n", kind, r.Start, r.End)
		l.pagemap.Pages(r.Start, r.End, func(addr uint64) {
			var page [pageSize]byte
			if _, err := l.mem.ReadAt(page[:], int64(addr)); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(zip, "page %x %x\n", addr, page)
		})
	}
	for _, line := range lines {
		fmt.Fprintln(zip, line)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
}

func loadRecording(t testing.TB, name string) *recording {
	t.Helper()
	r := &recording{process: newProcess()}
	var lines []string
	scanner := bufio.NewScanner(strings.NewReader(jvmtest.CaptureText(t, filepath.Join("testdata", name))))
	for scanner.Scan() {
		kind, rest, _ := strings.Cut(scanner.Text(), " ")
		var s ranges.Range
		if kind == "page" {
			var addr uint64
			var text string
			fmt.Sscanf(rest, "%x %s", &addr, &text)
			page, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			r.pages[addr] = (*[pageSize]byte)(page)
			continue
		}
		if kind == "allocator" {
			fmt.Sscan(rest, &r.areas.Allocator, &r.areas.Name)
			continue
		}
		if kind == "brk" || kind == "library" || kind == "arena" || kind == "chunk" || kind == "memory" {
			if _, err := fmt.Sscanf(rest, "%x %x", &s.Start, &s.End); err != nil {
				t.Fatal(err)
			}
		}
		switch kind {
		case "memory": // where pages are
		case "brk":
			r.areas.Brk = s
		case "library":
			r.areas.Library = append(r.areas.Library, s)
		case "arena":
			s.Kind = ranges.MallocArena
			r.areas.Found = append(r.areas.Found, s)
		case "chunk":
			s.Kind = ranges.MallocChunk
			r.areas.Found = append(r.areas.Found, s)
		default:
			lines = append(lines, scanner.Text())
		}
	}
	r.lines, r.truth = lines, readTruth(t, lines)
	return r
}

// clone copies the memory, so that it can be written to.
func (r *recording) clone() *recording {
	out := *r
	out.process = newProcess()
	for addr, page := range r.pages {
		out.pages[addr] = new(*page)
	}
	return &out
}

// addresses of the recorded pages.
func (r *recording) addresses() []uint64 { return slices.Sorted(maps.Keys(r.pages)) }

var recordings = []string{"glibc-2.36.gz", "glibc-2.43.gz"}

// TestWalkRecording is TestWalkProgram with the glibcs that this machine lacks.
func TestWalkRecording(t *testing.T) {
	for _, name := range recordings {
		t.Run(name, func(t *testing.T) {
			r := loadRecording(t, name)
			totals := checkWalk(t, r, r, r.areas, r.truth)
			if totals.LostBytes != 0 || totals.UnseenBytes != 0 || totals.Arenas != 4 || len(r.looked) > 0 {
				t.Errorf("%+v, read although not resident: %x", totals, r.looked)
			}

			// The heaps grew since the mappings were read.
			small := r.areas
			small.Brk.End = small.Brk.Start + pageSize
			small.Found = slices.Clone(r.areas.Found)
			for i := range small.Found {
				if a := &small.Found[i]; a.Kind == ranges.MallocArena {
					a.End = a.Start + pageSize
				}
			}
			grown, err := Walk(r, r, small, ample, func(*Block) {})
			if grown.Reads = totals.Reads; err != nil || grown != totals {
				t.Errorf("grown: %+v, %v, want %+v", grown, err, totals)
			}

			// A chunk that was not found is missed, not left out.
			i := slices.IndexFunc(r.areas.Found, func(a ranges.Range) bool { return a.Kind == ranges.MallocChunk })
			small = r.areas
			small.Found = slices.Delete(slices.Clone(r.areas.Found), i, i+1)
			totals, err = Walk(r, r, small, ample, func(*Block) {})
			if err != nil || totals.Complete() || totals.UnseenBytes != int64(r.areas.Found[i].End-r.areas.Found[i].Start) {
				t.Errorf("%+v, %v", totals, err)
			}
		})
	}
}
