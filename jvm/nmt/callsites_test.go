package nmt

import (
	"reflect"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestCallSitesOfCaptures: what the call sites malloced is most of HotSpot's malloc, which has
// also NMT's headers, and call sites of less than 1 KiB.
func TestCallSitesOfCaptures(t *testing.T) {
	for _, path := range jvmtest.Captures(t, "testdata/*/*/detail.txt.gz", 8) {
		t.Run(path, func(t *testing.T) {
			text := jvmtest.CaptureText(t, path)
			r, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			var malloced int64
			for _, s := range ParseCallSites(text) {
				if s.Blocks > 0 {
					malloced += s.Bytes
				}
				if strings.Contains(s.Key(), "=") || strings.Contains(s.Key(), "+0x") || len(s.Calls) == 0 {
					t.Errorf("%+v", s)
				}
			}
			if malloced > r.MallocBytes || float64(malloced) < 0.9*float64(r.MallocBytes) {
				t.Errorf("the call sites have %d bytes of %d", malloced, r.MallocBytes)
			}
		})
	}
}

func TestCallSites(t *testing.T) {
	const head = "\nNative Memory Tracking:\n\nDetails:\n\n"
	for name, c := range map[string]struct {
		text string
		want []CallSite
	}{
		"JDK 17": {
			"[0x00007f00f6dce906] Unsafe_AllocateMemory0+0x86\n[0x00007f00e09455ba]\n                             (malloc=32778KB type=Other #3) (at peak)\n\n",
			[]CallSite{{"Other", []string{"Unsafe_AllocateMemory0", "0x00007f00e09455ba"}, 32778 << 10, 3}},
		},
		"JDK 25": {
			"[0x00007f69155129e6]A::f(int)+0x2d6\n[0x00007f691681bd82]JavaMain+0xa2 in libjli.so\n                             ((malloc=2KB tag=Class #5) (peak=3KB #9))\n",
			[]CallSite{{"Class", []string{"A::f(int)", "JavaMain"}, 2 << 10, 5}},
		},
		"committed": {
			"[0x00007fb8df6132ed]\n                             (reserved=512KB, committed=304KB Type=GC)\n",
			[]CallSite{{"GC", []string{"0x00007fb8df6132ed"}, 304 << 10, 0}},
		},
		"twice": {
			"[0x1]f+0x1\n (malloc=1KB type=GC #1)\n\n[0x2]f+0x2\n (malloc=2KB type=GC #2)\n",
			[]CallSite{{"GC", []string{"f"}, 3 << 10, 3}},
		},
		"no frames":  {" (malloc=1KB type=GC #1)\n", nil},
		"no size":    {"[0x1]f\n (malloc=?)\n", nil},
		"not a size": {"[0x1]f\nmalloc=1KB type=GC #1\n", nil},
		"cut":        {"[0x1]f\n[0x2]g\n", nil},
	} {
		if got := ParseCallSites(head + c.text); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if got := ParseCallSites(c.text); got != nil {
			t.Errorf("%s: %+v without details", name, got)
		}
	}
}

// FuzzParseCallSites: no number is negative, and no two sites are the same.
func FuzzParseCallSites(f *testing.F) {
	for _, jdk := range []string{"8", "17", "25"} {
		_, details, _ := strings.Cut(jvmtest.CaptureText(f, "testdata/jdk"+jdk+"/g1-nmtdetail/detail.txt.gz"), "\nDetails:")
		f.Add(details[:6000])
	}
	f.Fuzz(func(t *testing.T, text string) {
		seen := make(map[string]bool)
		for _, s := range ParseCallSites("\nDetails:" + text) {
			if s.Bytes < 0 || s.Blocks < 0 || len(s.Calls) == 0 || seen[s.Key()] {
				t.Fatalf("%+v", s)
			}
			seen[s.Key()] = true
		}
	})
}
