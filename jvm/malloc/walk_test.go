package malloc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/ranges"
)

var ample = Budget{Reads: 1 << 20, Time: time.Minute}

// live is a process whose memory is read.
type live struct {
	mem     *os.File
	pagemap *pages.Pagemap
	areas   Areas
	private []ranges.Range // all writable private memory
}

func openLive(t testing.TB, pid int) live {
	t.Helper()
	text, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	var mappings []pages.Mapping
	var spans, private []ranges.Range
	var reader pages.Reader
	err = reader.ReadMaps(text, func(m *pages.Mapping) {
		mappings = append(mappings, *m)
		if m.Perm&pages.Write != 0 && m.Perm&pages.Shared == 0 {
			private = append(private, span(m.Start, m.End))
		}
		if m.Anonymous() && m.Perm == pages.Read|pages.Write {
			spans = append(spans, span(m.Start, m.End))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	l := live{private: private}
	if l.mem, err = os.Open(fmt.Sprintf("/proc/%d/mem", pid)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.mem.Close() })
	if l.pagemap, err = pages.OpenPagemap(fmt.Sprintf("/proc/%d/pagemap", pid)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.pagemap.Close() })
	found, err := Find(l.mem, l.pagemap, NewAreas(mappings, nil), spans)
	if err != nil && !errors.Is(err, ranges.ErrBounded) { // a Java heap is among the spans
		t.Fatal(err)
	}
	l.areas = NewAreas(mappings, found)
	return l
}

// build compiles a program of testdata.
func build(t testing.TB, source string) string { return buildWith(t, "gcc", source) }

func buildWith(t testing.TB, compiler, source string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	if text, err := exec.Command(compiler, "-O1", "-Wall", "-Werror", "-pthread", "-o", out, filepath.Join("testdata", source)).CombinedOutput(); err != nil {
		t.Fatalf("%s (Debian: apt-get install gcc libc6-dev musl-tools): %v\n%s", compiler, err, text)
	}
	return out
}

// start runs a program until it says that it is ready, and returns what it said before.
func start(t testing.TB, command ...string) (pid int, lines []string) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		if scanner.Text() == "ready" {
			return cmd.Process.Pid, lines
		}
		lines = append(lines, scanner.Text())
	}
	t.Fatalf("the program is not ready: %v", lines)
	return 0, nil
}

// truth is what a program says about its blocks.
type truth struct {
	used  map[uint64]uint64 // usable bytes by address
	freed map[uint64]bool
}

func readTruth(t testing.TB, lines []string) truth {
	t.Helper()
	out := truth{make(map[uint64]uint64), make(map[uint64]bool)}
	for _, line := range lines {
		var word, address string
		var usable uint64
		if _, err := fmt.Sscan(line, &word, &address, &usable); err != nil || word != "use" && word != "free" {
			continue
		}
		addr, err := strconv.ParseUint(address, 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		if word == "use" {
			out.used[addr] = usable
		} else {
			out.freed[addr] = true
		}
	}
	return out
}

func TestWalkProgram(t *testing.T) {
	command := []string{build(t, "blocks.c"), "20000"}
	if *recordTo != "" {
		command = []string{command[0], "60", "small"}
	}
	if loader, library, ok := strings.Cut(*recordWith, " "); ok {
		command = append([]string{loader, "--library-path", library}, command...)
	}
	pid, lines := start(t, command...)
	l := openLive(t, pid)
	if *recordTo != "" {
		record(t, *recordTo, l, lines)
	}
	totals := checkWalk(t, l.mem, l.pagemap, l.areas, readTruth(t, lines))
	t.Logf("%+v", totals)
	if totals.LostBytes != 0 || totals.UnseenBytes != 0 || totals.Arenas != 4 {
		t.Errorf("lost %d bytes, %d unseen, %d arenas, want 0, 0 and 4", totals.LostBytes, totals.UnseenBytes, totals.Arenas)
	}
}

// TestFindJoined: a chunk behind 32 MiB of other memory in the same mapping is found.
func TestFindJoined(t *testing.T) {
	pid, lines := start(t, build(t, "joined.c"))
	for addr := range readTruth(t, lines).used {
		found := openLive(t, pid).areas.Found
		if i := ranges.Find(found, addr); i == len(found) || found[i].Start != addr-chunkHeader {
			t.Errorf("no chunk at %#x: %x", addr, found)
		}
	}
}

// checkWalk compares each block with what the program says.
func checkWalk(t *testing.T, mem io.ReaderAt, pages Pages, areas Areas, want truth) Totals {
	t.Helper()
	others, otherBytes, cached := 0, uint64(0), 0
	missing := maps.Clone(want.used)
	totals, err := Walk(mem, pages, areas, ample, func(b *Block) {
		usable, used := want.used[b.Addr]
		own, mmapped := uint64(8), uint64(0)
		if b.Arena == 0 {
			own, mmapped = 16, 1 // with glibc 2.43 it is 24
		}
		switch {
		case used && b.State != InUse:
			t.Errorf("%#x is in state %d, but in use", b.Addr, b.State)
		case used && b.Bytes-own != usable && b.Bytes-own-8*mmapped != usable:
			t.Errorf("%#x has %d usable bytes, want %d", b.Addr, b.Bytes-own, usable)
		case used:
			delete(missing, b.Addr)
		case b.State == InUse && want.freed[b.Addr]:
			t.Errorf("%#x is in use, but was freed", b.Addr)
		case b.State == InUse:
			others++
			otherBytes += b.Bytes
		case b.State == Cached:
			cached++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(missing) > 0 {
		t.Errorf("%d of %d blocks were not seen: %x", len(missing), len(want.used), missing)
	}
	// What libc itself allocates: tcaches, and for each thread its thread-local storage.
	if others > 16 || otherBytes > 16<<10 {
		t.Errorf("%d other blocks in use, of %d bytes", others, otherBytes)
	}
	if cached == 0 {
		t.Error("no block is cached")
	}
	checkSum(t, pages, areas, totals)
	return totals
}

// checkSum checks that all resident memory of the areas is in the totals.
func checkSum(t testing.TB, pages Pages, areas Areas, totals Totals) {
	t.Helper()
	var want int64
	for _, r := range append([]ranges.Range{areas.Brk}, areas.Found...) {
		if err := pages.Pages(r.Start, r.End, func(uint64) { want += int64(pages.PageSize()) }); err != nil {
			t.Fatal(err)
		}
	}
	got := totals.OwnBytes + totals.LostBytes
	for _, n := range totals.ResidentBytes {
		got += n
	}
	if got != want {
		t.Errorf("%d bytes are in the totals, %d are resident: %+v", got, want, totals)
	}
}
