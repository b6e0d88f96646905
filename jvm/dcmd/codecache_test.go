package dcmd

import (
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/ranges"
)

func TestCodeCacheCaptures(t *testing.T) {
	for _, c := range captures(t, "codecache.txt", 62) {
		t.Run(c.dir, func(t *testing.T) {
			text := jvmtest.CaptureText(t, c.dir+"/codecache.txt")
			code, err := ParseCodeCache(text)
			if err != nil {
				t.Fatal(err)
			}
			if len(code.Heaps) != 3 || len(code.Ranges) != 3 {
				t.Fatalf("%d heaps, %d ranges", len(code.Heaps), len(code.Ranges))
			}
			var size int64
			for _, h := range code.Heaps {
				size += h.SizeBytes
				if h.UsedBytes <= 0 || h.UsedBytes > h.MaxUsedBytes || h.MaxUsedBytes > h.CommittedBytes || h.CommittedBytes > h.SizeBytes {
					t.Errorf("%+v", h)
				}
				if diff := h.SizeBytes - h.UsedBytes - h.FreeBytes; diff < 0 || diff > 1<<10 {
					t.Errorf("%s: %d bytes neither used nor free", h.Name, diff)
				}
			}
			if got := byKind(t, code.Ranges)[ranges.Code]; got != uint64(size) {
				t.Errorf("ranges have %d bytes, heaps %d", got, size)
			}
			// From JDK 21 on the JVM adds them up itself.
			if total, ok := amountAfter(text, "CodeCache: size="); ok != (c.jdk != "jdk11" && c.jdk != "jdk17") || ok && total != size {
				t.Errorf("sizes add up to %d, reported %d", size, total)
			}
			_, line, _ := strings.Cut(text, "CodeCache: ")
			if used, ok := amountAfter(line, ", used="); ok && (used < code.UsedBytes() || used > code.UsedBytes()+3<<10) {
				t.Errorf("used %d, reported %d", code.UsedBytes(), used)
			}
		})
	}
}

func TestCodeCacheExact(t *testing.T) {
	code, err := ParseCodeCache(jvmtest.CaptureText(t, "testdata/jdk28/g1/codecache.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want := CodeHeap{Name: "profiled nmethods", SizeBytes: 120036 << 10, UsedBytes: 864 << 10, MaxUsedBytes: 1036 << 10, FreeBytes: 119171 << 10,
		CommittedBytes: 0x7f44b486f000 - 0x7f44b45ff000}
	if code.Heaps[1] != want {
		t.Errorf("got %+v", code.Heaps[1])
	}
	if want := (ranges.Range{Start: 0x7f44b45ff000, End: 0x7f44bbb38000, Kind: ranges.Code}); code.Ranges[0] != want {
		t.Errorf("got %+v", code.Ranges[0])
	}
}

func TestCodeCacheForms(t *testing.T) {
	const one = "CodeCache: size=49152Kb used=1Kb max_used=2Kb free=49151Kb\n bounds [0x1000, 0x2000, 0x3001000]\n"
	for name, c := range map[string]struct {
		text  string
		heaps int
	}{
		"not segmented":    {one, 1},
		"empty":            {"", 0},
		"foreign":          {"Unknown diagnostic command", 0},
		"without bounds":   {strings.SplitAfter(one, "\n")[0], 0},
		"bounds alone":     {strings.SplitAfter(one, "\n")[1], 0},
		"bounds cut":       {one[:len(one)-5], 0},
		"falling bounds":   {strings.Replace(one, "0x1000", "0x9000", 1), 0},
		"a number missing": {strings.Replace(one, "max_used=2Kb", "", 1), 0},
		"bounds twice":     {one + strings.SplitAfter(one, "\n")[1], 1},
		"second cut":       {one + one[:90], 1},
	} {
		code, err := ParseCodeCache(c.text)
		if (err != nil) != (c.heaps == 0) || len(code.Heaps) != c.heaps {
			t.Errorf("%s: %+v, %v", name, code, err)
		}
	}
}

// FuzzParseCodeCache: nothing is negative, ranges are sorted and disjoint.
func FuzzParseCodeCache(f *testing.F) {
	f.Add(jvmtest.CaptureText(f, "testdata/jdk11/g1/codecache.txt"))
	f.Add(jvmtest.CaptureText(f, "testdata/jdk28/g1/codecache.txt"))
	f.Fuzz(func(t *testing.T, text string) {
		code, err := ParseCodeCache(text)
		if (err == nil) != (len(code.Heaps) > 0) || code.UsedBytes() < 0 {
			t.Fatalf("%+v, %v", code, err)
		}
		for _, h := range code.Heaps {
			if h.SizeBytes < 0 || h.UsedBytes < 0 || h.MaxUsedBytes < 0 || h.FreeBytes < 0 || h.CommittedBytes < 0 {
				t.Fatalf("%+v", h)
			}
		}
		byKind(t, code.Ranges)
	})
}
