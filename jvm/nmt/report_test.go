package nmt

import (
	"errors"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// checkSums checks that the parts of every category add up to it and the
// categories to the total, each number being rounded down to the scale.
func checkSums(t *testing.T, r *Report, text string) {
	t.Helper()
	headers := strings.Count("\n"+strings.SplitN(text, "Virtual memory map:", 2)[0], "\n- ")
	if len(r.Categories) != headers {
		t.Errorf("%d categories, the text has %d", len(r.Categories), headers)
	}
	near := func(what string, got, want, numbers int64) {
		if diff := want - got; diff < -numbers*r.ScaleBytes || diff > numbers*r.ScaleBytes || r.ScaleBytes == 1 && diff != 0 {
			t.Errorf("%s: parts add up to %d, reported %d", what, got, want)
		}
	}
	var committed, reserved, malloc int64
	for _, c := range r.Categories {
		near(c.Name+" committed", c.MallocBytes+c.ArenaBytes+c.OverheadBytes+c.MmapCommittedBytes+c.StackCommittedBytes, c.CommittedBytes, 3)
		near(c.Name+" reserved", c.MallocBytes+c.ArenaBytes+c.OverheadBytes+c.MmapReservedBytes+c.StackReservedBytes, c.ReservedBytes, 3)
		committed += c.CommittedBytes
		reserved += c.ReservedBytes
		malloc += c.MallocBytes + c.ArenaBytes + c.OverheadBytes
		if (c.Threads != nil) != (c.Name == "Thread") || (c.Classes != nil) != (c.Name == "Class") {
			t.Errorf("%s: threads %v, classes %v", c.Name, c.Threads, c.Classes)
		}
	}
	n := int64(2 * len(r.Categories))
	near("total committed", committed, r.CommittedBytes, n)
	near("total reserved", reserved, r.ReservedBytes, n)
	near("total malloc", malloc, r.MallocBytes, n)
}

func TestCapturesAddUp(t *testing.T) {
	for _, set := range []struct {
		name  string
		files int
		scale int64
	}{
		{"summary.txt", 68, 1 << 10},
		{"summary_scale_B.txt", 22, 1},
		{"summary_scale_MB.txt", 22, 1 << 20},
	} {
		for _, path := range jvmtest.Captures(t, "testdata/*/*/"+set.name, set.files) {
			t.Run(path, func(t *testing.T) {
				text := jvmtest.CaptureText(t, path)
				r, err := Parse(text)
				if strings.Contains(path, "nmtoff") {
					if !errors.Is(err, ErrDisabled) {
						t.Fatalf("error %v, want ErrDisabled", err)
					}
					return
				}
				if strings.Contains(path, "jdk8/") && set.scale == 1 {
					if !errors.Is(err, ErrScale) {
						t.Fatalf("error %v, want ErrScale", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if r.ScaleBytes != set.scale || r.Detail || r.Regions != nil {
					t.Errorf("scale %d, detail %v, %d regions", r.ScaleBytes, r.Detail, len(r.Regions))
				}
				checkSums(t, r, text)
			})
		}
	}
}

func TestExactValues(t *testing.T) {
	one, threads, classes := int64(18640), int64(31), int64(1694)
	r, err := Parse(jvmtest.CaptureText(t, "testdata/jdk21/g1/summary.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if r.ReservedBytes != 1756005<<10 || r.CommittedBytes != 373377<<10 || r.MallocBytes != 45965<<10 || *r.MallocCount != one {
		t.Errorf("totals %+v", r)
	}
	for _, want := range []Category{
		{Name: "Thread", ReservedBytes: 31840 << 10, CommittedBytes: 2516 << 10, MallocBytes: 62 << 10, MallocCount: 191, ArenaBytes: 34 << 10, ArenaCount: 60,
			StackReservedBytes: 31744 << 10, StackCommittedBytes: 2420 << 10, Threads: &threads},
		{Name: "Class", ReservedBytes: 1048792 << 10, CommittedBytes: 728 << 10, MallocBytes: 216 << 10, MallocCount: 4404,
			MmapReservedBytes: 1048576 << 10, MmapCommittedBytes: 512 << 10, Classes: &classes},
		{Name: "Native Memory Tracking", ReservedBytes: 301 << 10, CommittedBytes: 301 << 10, MallocBytes: 10 << 10, MallocCount: 156, OverheadBytes: 291 << 10},
		{Name: "Shared class space", ReservedBytes: 16384 << 10, CommittedBytes: 12916 << 10, MmapReservedBytes: 16384 << 10, MmapCommittedBytes: 12916 << 10},
	} {
		got, ok := r.Category(want.Name)
		if !ok || !equal(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	if _, ok := r.Category("Java"); ok {
		t.Error("found a category by half its name")
	}
}

func equal(a, b Category) bool {
	same := func(x, y *int64) bool { return (x == nil) == (y == nil) && (x == nil || *x == *y) }
	ok := same(a.Threads, b.Threads) && same(a.Classes, b.Classes)
	a.Threads, a.Classes, b.Threads, b.Classes = nil, nil, nil, nil
	return ok && a == b
}

func TestMallocOfJDK8IsAddedUp(t *testing.T) {
	r, err := Parse(jvmtest.CaptureText(t, "testdata/jdk8/g1/summary.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want := int64(314+100+33+365+5026+8+133+33359+1414+1127+5+138+3337) << 10
	if r.MallocBytes != want || r.MallocCount != nil {
		t.Errorf("malloc %d in %v, want %d", r.MallocBytes, r.MallocCount, want)
	}
}

// TestPeakIsNotPresent: a number without a count before a peak with one.
func TestPeakIsNotPresent(t *testing.T) {
	r, err := Parse("Total: reserved=10KB, committed=6KB\n- A (reserved=7KB, committed=7KB)\n (malloc=3KB) (peak=9KB #7)\n (arena=4KB) (peak=9KB #8)\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := (Category{Name: "A", ReservedBytes: 7 << 10, CommittedBytes: 7 << 10, MallocBytes: 3 << 10, ArenaBytes: 4 << 10}); !equal(r.Categories[0], want) {
		t.Errorf("got %+v", r.Categories[0])
	}
}

func TestOddTexts(t *testing.T) {
	const head = "Native Memory Tracking:\n\nTotal: reserved=10KB, committed=6KB\n"
	for name, c := range map[string]struct {
		text string
		want int64 // committed of the first category; -1: error
	}{
		"empty":               {"", -1},
		"foreign":             {"1:\nOpenJDK 64-Bit Server VM version 21\n", -1},
		"total alone":         {head, -1},
		"no total":            {"-  Code (reserved=1KB, committed=1KB)\n", -1},
		"total cut":           {"Total: reserved=10KB, comm", -1},
		"number cut":          {head + "-  Code (reserved=1KB, committed=1KB)\n (malloc=", 1 << 10},
		"odd lines skipped":   {head + "???\n- (reserved=1KB, committed=3KB)\n-  A B (reserved=7KB, committed=3KB, x)\n (odd #1)\n\x00\n", 3 << 10},
		"too big a number":    {head + "-  A (reserved=9223372036854775807KB, committed=9223372036854775807KB)\n-  B (reserved=7KB, committed=2KB)\n", 2 << 10},
		"CRLF":                {strings.ReplaceAll(head+"-  A (reserved=7KB, committed=3KB)\n", "\n", "\r\n"), 3 << 10},
		"waste is not a part": {head + "-  A (reserved=7KB, committed=3KB)\n (  Metadata:  )\n (    reserved=9KB, committed=9KB)\n (    waste=0KB =-nan%)\n", 3 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Parse(c.text)
			if (err != nil) != (c.want < 0) {
				t.Fatalf("error %v", err)
			}
			if err == nil && (r.Categories[0].CommittedBytes != c.want || r.Categories[0].MmapCommittedBytes != 0) {
				t.Errorf("%+v", r.Categories[0])
			}
		})
	}
}

// FuzzParse: no number is negative, and regions are sorted and disjoint.
func FuzzParse(f *testing.F) {
	f.Add(jvmtest.CaptureText(f, "testdata/jdk8/g1/summary.txt"))
	f.Add(jvmtest.CaptureText(f, "testdata/jdk28/z/summary.txt"))
	f.Add(jvmtest.CaptureText(f, "testdata/jdk11/g1-nmtdetail/detail.txt.gz")[:12000])
	f.Add("Total: reserved=9223372036854775807, committed=9\n- A (reserved=1, committed=9223372036854775807)\n (malloc=9223372036854775807)\n (arena=9223372036854775807)\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err != nil {
			if r != nil {
				t.Fatal("a report beside an error")
			}
			return
		}
		if r.MallocBytes < 0 || r.ReservedBytes < 0 || r.CommittedBytes < 0 || len(r.Categories) == 0 {
			t.Fatalf("%+v", r)
		}
		for _, c := range r.Categories {
			for _, n := range []int64{c.ReservedBytes, c.CommittedBytes, c.MallocBytes, c.MallocCount, c.ArenaBytes, c.ArenaCount,
				c.MmapReservedBytes, c.MmapCommittedBytes, c.StackReservedBytes, c.StackCommittedBytes, c.OverheadBytes} {
				if n < 0 {
					t.Fatalf("negative: %+v", c)
				}
			}
		}
		checkRegions(t, r.Regions)
	})
}
