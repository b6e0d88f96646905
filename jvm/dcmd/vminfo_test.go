package dcmd

import (
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// gcRanges is how many tables and bitmaps VM.info names.
func gcRanges(jdk, gc string) int {
	switch gc {
	case "Serial":
		return 1
	case "CMS":
		return 3
	case "Parallel":
		if jdk == "jdk11" || jdk == "jdk17" || jdk == "jdk21" {
			return 3
		}
		return 2
	case "G1":
		if jdk == "jdk21" || jdk == "jdk25" {
			return 2
		}
		return 3
	}
	return 0
}

func TestVMInfoCaptures(t *testing.T) {
	for _, c := range captures(t, "vm_info.txt.gz", 62) {
		t.Run(c.dir, func(t *testing.T) {
			info, err := ParseVMInfo(jvmtest.CaptureText(t, c.dir+"/vm_info.txt.gz"))
			if err != nil {
				t.Fatal(err)
			}
			counters := c.hsperf(t)
			if info.Version != counters.VMVersion || info.VMName != counters.VMName || info.GC != c.gc() {
				t.Errorf("%q %q %q, counters %q %q %q", info.VMName, info.Version, info.GC, counters.VMName, counters.VMVersion, c.gc())
			}
			if info.Uptime == nil || *info.Uptime < 4*time.Second || *info.Uptime > 10*time.Second {
				t.Errorf("uptime %v", info.Uptime)
			}
			// The program has a 32 MiB direct buffer, and little else.
			if o := info.CHeapOutstandingBytes; o == nil || *o < 33<<20 || *o > 60<<20 || info.CHeapRetainedBytes == nil || *info.CHeapRetainedBytes > 16<<20 {
				t.Errorf("malloc outstanding %v, retained %v", o, info.CHeapRetainedBytes)
			}
			counts := map[ranges.Kind]int{}
			sizes := byKind(t, info.Ranges)
			for _, r := range info.Ranges {
				counts[r.Kind]++
			}
			want := map[ranges.Kind]int{ranges.Heap: 1, ranges.CDS: 1, ranges.ClassSpace: 1, ranges.GC: gcRanges(c.jdk, c.gc())}
			if c.gc() == "ZGC" {
				want[ranges.Heap] = 0
			}
			if c.jdk == "jdk11" {
				want[ranges.CDS] = 0
				if c.collector == "z" {
					want[ranges.ClassSpace] = 0
				}
			}
			for kind, n := range want {
				if counts[kind] != n {
					t.Errorf("%d ranges %v, want %d", counts[kind], kind, n)
				}
			}
			if want[ranges.Heap] == 1 && sizes[ranges.Heap] != 256<<20 || want[ranges.ClassSpace] == 1 && sizes[ranges.ClassSpace] != 1<<30 {
				t.Errorf("heap %d, class space %d", sizes[ranges.Heap], sizes[ranges.ClassSpace])
			}
			if cds := sizes[ranges.CDS]; want[ranges.CDS] == 1 && (cds < 11<<20 || cds > 16<<20) {
				t.Errorf("CDS archive %d", cds)
			}
			// A bitmap has one bit for 8 bytes of heap, a card table one byte for 512.
			if gc := sizes[ranges.GC]; c.gc() == "G1" && gc < 4<<20+512<<10 {
				t.Errorf("gc %d", gc)
			}
		})
	}
}

func TestVMInfoExact(t *testing.T) {
	info, err := ParseVMInfo(jvmtest.CaptureText(t, "testdata/jdk28/g1/vm_info.txt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	want := []ranges.Range{
		{Start: 0x21000000, End: 0x21ea8000, Kind: ranges.CDS},
		{Start: 0x22000000, End: 0x62000000, Kind: ranges.ClassSpace},
		{Start: 0xf0000000, End: 0x100000000, Kind: ranges.Heap},
		{Start: 0x7f44d1c00000, End: 0x7f44d2000000, Kind: ranges.GC},
		{Start: 0x7f44d21a8000, End: 0x7f44d2228000, Kind: ranges.GC},
		{Start: 0x7f44d2228000, End: 0x7f44d22a8000, Kind: ranges.GC},
	}
	if len(info.Ranges) != len(want) {
		t.Fatalf("got %x", info.Ranges)
	}
	for i := range want {
		if info.Ranges[i] != want[i] {
			t.Errorf("got %x, want %x", info.Ranges[i], want[i])
		}
	}
	if *info.Uptime != 4680306*time.Microsecond || info.Version != "28-ea+18-1-Debian" {
		t.Errorf("uptime %v, version %q", *info.Uptime, info.Version)
	}

	// CMS: the end of a bitmap lies within a page.
	info, err = ParseVMInfo(jvmtest.CaptureText(t, "testdata/jdk11/cms/vm_info.txt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Ranges[2]; got != (ranges.Range{Start: 0x7f6d603a5000, End: 0x7f6d6064fc00, Kind: ranges.GC}) {
		t.Errorf("got %x", got)
	}
}

const process = "---------------  P R O C E S S  ---------------\n"

func TestVMInfoForms(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []ranges.Range
	}{
		"no compressed oops": {
			"Heap:\n PSYoungGen      total 76288K, used 4992K [0x7000, 0x8000, 0x9000)\n ParOldGen       total 175104K, used 46337K [0x1000, 0x2000, 0x7000)\n",
			[]ranges.Range{{Start: 0x1000, End: 0x9000, Kind: ranges.Heap}},
		},
		"no compressed oops, JDK 8 G1": {
			"Heap:\n garbage-first heap   total 1K, used 1K [0x1000, 0x1800, 0x9000)\n",
			[]ranges.Range{{Start: 0x1000, End: 0x9000, Kind: ranges.Heap}},
		},
		"epsilon grows": {
			"Heap address: 0x100000, size: 2 MB, Compressed Oops mode: 32-bit\nHeap:\n Epsilon Heap\n  Allocation space:\n   space 1K,  1% used [0x100000, 0x100008, 0x101000)\n",
			[]ranges.Range{{Start: 0x100000, End: 0x300000, Kind: ranges.Heap}},
		},
		"no CDS":              {"CDS archive(s) mapped at: [0x0000000000000000-0x0000000000000000-0x0000000000000000), size 0\n", nil},
		"dynamic archive too": {"CDS archive(s) mapped at: [0x1000-0x2000-0x3000), size 8192\n", []ranges.Range{{Start: 0x1000, End: 0x3000, Kind: ranges.CDS}}},
		"heap history":        {"Polling page: 0x1000\n garbage-first heap   total 1K, used 1K [0x1000, 0x9000)\n", nil},
		"turned around":       {"Compressed class space mapped at: 0x9000-0x1000, reserved size: 1\nCard table byte_map: [0x9000,0x1000] _byte_map_base: 0x0\n", nil},
		"end of all memory":   {"Heap address: 0xfffffffffffff000, size: 2 MB\n Bits: [0xfffffffffffff000, 0xffffffffffffffff)\n", []ranges.Range{{Start: 0xfffffffffffff000, End: 0xffffffffffffffff, Kind: ranges.GC}}},
	} {
		info, err := ParseVMInfo(process + c.text)
		if err != nil {
			t.Fatal(err)
		}
		if len(info.Ranges) != len(c.want) || len(c.want) == 1 && info.Ranges[0] != c.want[0] {
			t.Errorf("%s: got %x, want %x", name, info.Ranges, c.want)
		}
		if info.Uptime != nil || info.CHeapOutstandingBytes != nil || info.CHeapRetainedBytes != nil {
			t.Errorf("%s: unknown is not nil", name)
		}
	}
	for _, text := range []string{"", "Unknown diagnostic command\n", "#\n# Java VM: x (1, g1 gc)\n"} {
		if _, err := ParseVMInfo(text); err == nil {
			t.Errorf("no error for %q", text)
		}
	}
	info, err := ParseVMInfo(process + "C-Heap outstanding allocations: 5K, retained: 6K\nC-Heap outstanding allocations: 1K, retained: 2K (may have wrapped)\n")
	if err != nil || info.CHeapOutstandingBytes != nil || info.CHeapRetainedBytes != nil {
		t.Errorf("wrapped: %+v, %v", info, err)
	}
}

// TestVMInfoCut: a reply that ends anywhere gives what was before, or an error.
func TestVMInfoCut(t *testing.T) {
	text := jvmtest.CaptureText(t, "testdata/jdk17/parallel/vm_info.txt.gz")
	text = text[:strings.Index(text, "Polling page")]
	whole, err := ParseVMInfo(text)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(text) {
		info, err := ParseVMInfo(text[:n])
		if (err != nil) != (n < strings.Index(text, "P R O C E S S")+len("P R O C E S S")) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		for _, r := range info.Ranges {
			if i := ranges.Find(whole.Ranges, r.Start); i == len(whole.Ranges) || whole.Ranges[i].Kind != r.Kind || r.Start < whole.Ranges[i].Start {
				t.Fatalf("%d bytes: %x", n, r)
			}
		}
	}
}

// FuzzParseVMInfo: nothing is negative, ranges are sorted and disjoint.
func FuzzParseVMInfo(f *testing.F) {
	for _, path := range []string{"jdk11/cms", "jdk17/parallel", "jdk25/shengen", "jdk28/g1"} {
		text := jvmtest.CaptureText(f, "testdata/"+path+"/vm_info.txt.gz")
		f.Add(text[:min(len(text), 4000)] + "\nC-Heap outstanding allocations: 5K, retained: 6K\n")
	}
	f.Fuzz(func(t *testing.T, text string) {
		info, err := ParseVMInfo(text)
		if err != nil && info.Ranges != nil {
			t.Fatal("a result beside an error")
		}
		byKind(t, info.Ranges)
		if info.Uptime != nil && *info.Uptime < 0 || info.CHeapOutstandingBytes != nil && *info.CHeapOutstandingBytes < 0 ||
			info.CHeapRetainedBytes != nil && *info.CHeapRetainedBytes < 0 {
			t.Fatalf("%+v", info)
		}
	})
}
