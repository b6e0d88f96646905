package pages

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// read returns all mappings that were yielded, also before an error.
func read(text []byte) ([]Mapping, error) {
	var reader Reader
	var all []Mapping
	err := reader.Read(bytes.NewReader(text), func(m *Mapping) { all = append(all, *m) })
	return all, err
}

// readSelf returns the mappings of this process.
func readSelf(t *testing.T) []Mapping {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	mappings, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	return mappings
}

// lines splits smaps into the lines that begin a mapping, and those of VmFlags.
func lines(text []byte) (headers, flags []string) {
	for line := range strings.Lines(string(text)) {
		switch line = strings.TrimSuffix(line, "\n"); {
		case strings.HasPrefix(line, "VmFlags:"):
			flags = append(flags, line)
		case line == "" || line[0] < 'A' || line[0] > 'Z':
			headers = append(headers, line)
		}
	}
	return headers, flags
}

// TestReadCaptures reads each mapping back into the line that it came from, and
// adds up to what the kernel itself adds up in smaps_rollup.
func TestReadCaptures(t *testing.T) {
	for _, dir := range jvmtest.Captures(t, "testdata/jdk*/*", 68) {
		text := jvmtest.Capture(t, dir+"/smaps.txt.gz")
		mappings, err := read(text)
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		headers, flagLines := lines(text)
		if len(headers) != len(mappings) || len(headers) != len(flagLines) {
			t.Errorf("%s: %d mappings of %d", dir, len(mappings), len(headers))
			continue
		}
		checkOrder(t, mappings)
		var rss, anonymous, swap int64
		flags := make(map[Flags]int)
		for i := range mappings {
			m := &mappings[i]
			header, path := headers[i], ""
			if fields := strings.Fields(header); len(fields) > 5 {
				path = header[strings.Index(header, fields[5]):]
			}
			if got := line(m); m.Path != path || got != strings.TrimRight(strings.TrimSuffix(header, path), " ") {
				t.Errorf("%s: %q %q, want %q", dir, got, m.Path, header)
			}
			rss += m.RSSBytes
			anonymous += m.AnonymousBytes
			swap += m.SwapBytes
			for _, f := range []Flags{NoHuge, NoReserve, Account, Hugetlb} {
				if m.Flags&f != 0 {
					flags[f]++
				}
			}
		}
		rollup, err := os.ReadFile(filepath.Join(dir, "smaps_rollup.txt"))
		if err != nil {
			t.Fatal(err)
		}
		for name, sum := range map[string]int64{"Rss": rss, "Anonymous": anonymous, "Swap": swap} {
			if want := kernelSum(t, rollup, name); sum != want {
				t.Errorf("%s: %s %d, the kernel says %d", dir, name, sum, want)
			}
		}
		for f, letters := range map[Flags]string{NoHuge: "nh", NoReserve: "nr", Account: "ac", Hugetlb: "ht"} {
			want := 0
			for _, line := range flagLines {
				want += strings.Count(line, " "+letters+" ")
			}
			if flags[f] != want {
				t.Errorf("%s: %d mappings with %s, want %d", dir, flags[f], letters, want)
			}
		}
	}
}

// line writes a mapping as the kernel does.
func line(m *Mapping) string {
	perm := []byte("---p")
	for i, bit := range []Perm{Read, Write, Exec} {
		if m.Perm&bit != 0 {
			perm[i] = "rwx"[i]
		}
	}
	if m.Perm&Shared != 0 {
		perm[3] = 's'
	}
	return fmt.Sprintf("%08x-%08x %s %08x %02x:%02x %d", m.Start, m.End, perm, m.Offset, m.Dev>>32, m.Dev&(1<<32-1), m.Inode)
}

func kernelSum(t *testing.T, rollup []byte, name string) int64 {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + name + `: +(\d+) kB$`).FindSubmatch(rollup)
	if found == nil {
		t.Fatalf("no %s in smaps_rollup", name)
	}
	kib, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// checkOrder checks what callers rely on.
func checkOrder(t *testing.T, mappings []Mapping) {
	t.Helper()
	var last uint64
	for i := range mappings {
		m := &mappings[i]
		if m.Start < last || m.Start >= m.End {
			t.Fatalf("mapping %x-%x after %x", m.Start, m.End, last)
		}
		last = m.End
		for _, n := range []int64{m.RSSBytes, m.AnonymousBytes, m.SwapBytes} {
			if n < 0 || uint64(n) > m.End-m.Start {
				t.Fatalf("%d bytes in mapping %x-%x", n, m.Start, m.End)
			}
		}
	}
}

func TestReadAgainAllocatesNothing(t *testing.T) {
	text := jvmtest.Capture(t, "testdata/jdk25/g1/smaps.txt.gz")
	var reader Reader
	src := bytes.NewReader(text)
	n := 0
	allocs := testing.AllocsPerRun(10, func() { // runs it once before it counts
		src.Reset(text)
		if err := reader.Read(src, func(*Mapping) { n++ }); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 2 || n != 11*210 { // the Mapping itself, and the closure's
		t.Errorf("%.0f allocations for 210 mappings, %d read", allocs, n)
	}
}

// small is three mappings with all their fields.
func small(t testing.TB) []byte {
	t.Helper()
	text := jvmtest.Capture(t, "testdata/jdk25/g1/smaps.txt.gz")
	end := 0
	for range 3 {
		end += bytes.Index(text[end:], []byte("VmFlags:"))
		end += bytes.IndexByte(text[end:], '\n') + 1
	}
	return text[:end]
}

func TestTruncated(t *testing.T) {
	text := small(t)
	whole, err := read(text)
	if err != nil || len(whole) != 3 || whole[0].AnonymousBytes == 0 || whole[1].Flags != Account {
		t.Fatalf("%+v, %v", whole, err)
	}
	for cut := range text {
		got, err := read(text[:cut])
		if !slices.Equal(got, whole[:min(len(got), len(whole))]) {
			t.Fatalf("cut at %d: a mapping that is not all there: %+v", cut, got)
		}
		atBorder := cut == 0 || text[cut-1] == '\n' && (text[cut] < 'A' || text[cut] > 'Z')
		switch {
		case atBorder && err != nil:
			t.Fatalf("cut at %d, between two mappings: %v", cut, err)
		case !atBorder && !errors.Is(err, ErrTruncated):
			t.Fatalf("cut at %d: %d mappings and %v, want ErrTruncated", cut, len(got), err)
		}
	}
}

const rest = "\nRss: 4 kB\nAnonymous: 4 kB\nVmFlags: rd wr \n"

func TestNames(t *testing.T) {
	for _, tt := range []struct {
		line, path         string
		anonymous, special bool
	}{
		{"7f0000000000-7f0000001000 rw-p 00000000 00:00 0 ", "", true, false},
		{"7f0000000000-7f0000001000 rw-s 00000000 00:01 2049 ", "", false, false},
		{"7f0000000000-7f0000001000 rw-p 00000000 fe:00 7    /a b/two  spaces ", "/a b/two  spaces ", false, false},
		{`7f0000000000-7f0000001000 rw-p 00000000 fe:00 7    /a\0127f00-7f01 rw-p`, `/a\0127f00-7f01 rw-p`, false, false},
		{"7f0000000000-7f0000001000 r--s 00000000 fe:00 7    /lib/libjvm.so (deleted)", "/lib/libjvm.so (deleted)", false, false},
		{"7f0000000000-7f0000001000 rw-p 00000000 fe:00 7    /Rss: 4 kB", "/Rss: 4 kB", false, false},
		{"7f0000000000-7f0000001000 rw-p 00000000 00:00 0    [anon:glibc: malloc arena]", "[anon:glibc: malloc arena]", true, false},
		{"7f0000000000-7f0000001000 rw-s 00000000 00:01 99    [anon_shmem:x]", "[anon_shmem:x]", false, false},
		{"7f0000000000-7f0000001000 rw-p 00000000 00:00 0    [heap]", "[heap]", false, false},
		{"7f0000000000-7f0000001000 r-xp 00000000 00:00 0    [vdso]", "[vdso]", false, true},
		{"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0    [vsyscall]", "[vsyscall]", false, true},
		{"7f0000000000-7f0000001000 rw-p 7fffffffffff000 fe:100000 18446744073709551615    /virtiofs", "/virtiofs", false, false},
	} {
		got, err := read([]byte(tt.line + rest))
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %v, %v", tt.line, got, err)
			continue
		}
		m := &got[0]
		if m.Path != tt.path || m.Anonymous() != tt.anonymous || m.Special() != tt.special || m.RSSBytes != 4096 {
			t.Errorf("%s: %+v, anonymous %v, special %v", tt.line, m, m.Anonymous(), m.Special())
		}
	}
}

func TestMalformed(t *testing.T) {
	const ok = "1000-2000 rw-p 00000000 00:00 0 "
	for name, text := range map[string]string{
		"no inode":                  "1000-2000 rw-p 00000000 00:00 " + rest,
		"inode too large":           "1000-2000 rw-p 00000000 00:00 18446744073709551616" + rest,
		"end before start":          "2000-1000 rw-p 00000000 00:00 0 " + rest,
		"no perm":                   "1000-2000 rw" + rest,
		"address too long":          "10000000000001000-10000000000002000 rw-p 00000000 00:00 0 " + rest,
		"upper case address":        "1000-2F00 rw-p 00000000 00:00 0 " + rest,
		"field before any mapping":  "Rss: 4 kB\n" + ok + rest,
		"no unit":                   ok + "\nRss: 4\nVmFlags: rd \n",
		"megabytes":                 ok + "\nRss: 4 MB\nVmFlags: rd \n",
		"negative":                  ok + "\nRss: -4 kB\nVmFlags: rd \n",
		"no number":                 ok + "\nRss: kB\nVmFlags: rd \n",
		"size wraps around":         ok + "\nRss: 18446744073709551617 kB\nVmFlags: rd \n",
		"no colon":                  ok + "\nRss 4 kB\nVmFlags: rd \n",
		"no Rss":                    ok + "\nVmFlags: rd \n" + "2000-3000 rw-p 00000000 00:00 0 " + rest,
		"no VmFlags":                ok + "\nRss: 4 kB\n" + "2000-3000 rw-p 00000000 00:00 0 " + rest,
		"below the mapping before":  "2000-3000 rw-p 00000000 00:00 0 " + rest + ok + rest,
		"a line longer than a path": ok + strings.Repeat("x", 3*maxLine) + rest,
	} {
		if got, err := read([]byte(text)); err == nil {
			t.Errorf("%s: no error, %+v", name, got)
		}
	}
}

// TestMappingsMergeWhileRead changes this process' mappings all the time: the
// kernel prints merged mappings again from their start.
func TestMappingsMergeWhileRead(t *testing.T) {
	const pages, page = 2000, 4096
	mem, err := unix.Mmap(-1, 0, pages*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(mem) }()
	for i := 0; i < len(mem); i += page {
		mem[i] = 1
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for prot := unix.PROT_READ; ; prot ^= unix.PROT_WRITE {
			for i := 0; i < len(mem); i += 2 * page {
				select {
				case <-stop:
					return
				default:
				}
				if err := unix.Mprotect(mem[i:i+page], prot); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	start := address(mem)
	for range 20 {
		mappings := readSelf(t)
		checkOrder(t, mappings)
		var resident int64
		for i := range mappings {
			if m := &mappings[i]; m.Start >= start && m.End <= start+pages*page {
				resident += m.AnonymousBytes
			}
		}
		if resident > pages*page {
			t.Fatalf("%d bytes resident of %d", resident, pages*page)
		}
	}
	// What the loop above may meet, for sure: the first of two mappings was
	// printed when both became one.
	got, err := read([]byte("1000-3000 rw-p 00000000 00:00 0 \nRss: 8 kB\nVmFlags: rd \n1000-5000 rw-p 00000000 00:00 0 \nRss: 16 kB\nAnonymous: 4 kB\nVmFlags: rd \n"))
	if err != nil || len(got) != 2 || got[1].Start != 0x3000 || got[1].RSSBytes != 0x2000 || got[1].AnonymousBytes != 4096 {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzRead(f *testing.F) {
	text := small(f)
	f.Add(text, 700)
	f.Add([]byte("1000-3000 rw-p 0 0:0 0 [anon:x]"+rest+"1000-5000 rw-p 0 0:0 0"+rest), 60)
	f.Add([]byte("Rss: 1 kB\n"), 3)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		all, err := read(text)
		checkOrder(t, all)
		if headers, _ := lines(text); err == nil && len(all) != len(headers) {
			t.Errorf("%d mappings of %d and no error", len(all), len(headers))
		}
		if cut < 0 || cut > len(text) {
			return
		}
		// A text that ends earlier gives the same mappings. What ends in an error
		// keeps its last one back.
		part, _ := read(text[:cut])
		same := min(len(part), len(all))
		if len(part) > len(all)+1 || !slices.Equal(part[:same], all[:same]) {
			t.Errorf("cut at %d: %+v, of %+v", cut, part, all)
		}
	})
}

// TestReadMaps: maps is smaps without what is resident.
func TestReadMaps(t *testing.T) {
	text := jvmtest.Capture(t, "testdata/jdk17/g1/smaps.txt.gz")
	headers, _ := lines(text)
	want, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readMaps([]byte(strings.Join(headers, "\n") + "\n"))
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d mappings of %d, %v", len(got), len(want), err)
	}
	for i := range want {
		of := Mapping{Start: want[i].Start, End: want[i].End, Offset: want[i].Offset, Inode: want[i].Inode, Dev: want[i].Dev, Perm: want[i].Perm, Path: want[i].Path}
		if got[i] != of {
			t.Errorf("%+v, want %+v", got[i], of)
		}
	}
}

func readMaps(text []byte) ([]Mapping, error) {
	var all []Mapping
	err := new(Reader).ReadMaps(bytes.NewReader(text), func(m *Mapping) { all = append(all, *m) })
	return all, err
}

func FuzzReadMaps(f *testing.F) {
	headers, _ := lines(small(f))
	f.Add([]byte(strings.Join(headers, "\n")))
	f.Add([]byte("1000-3000 rw-p 0 0:0 0 [anon:x]\n1000-5000 rw-p 0 0:0 0\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := readMaps(text)
		checkOrder(t, all)
		if whole := bytes.Count(text, []byte("\n")); len(all) > whole || err == nil && len(all) != whole {
			t.Errorf("%d mappings in %d lines, %v", len(all), whole, err)
		}
	})
}
