package dcmd

import (
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// TestHeapInfoMatchesCounters: committed is what the JVM's own counters have.
func TestHeapInfoMatchesCounters(t *testing.T) {
	for _, c := range captures(t, "heap_info.txt", 68) {
		t.Run(c.dir, func(t *testing.T) {
			h, err := ParseHeapInfo(jvmtest.CaptureText(t, c.dir+"/heap_info.txt"))
			if err != nil {
				t.Fatal(err)
			}
			counters := c.hsperf(t)
			want := *counters.HeapCapacityBytes()
			// ZGC prints M, Shenandoah three digits at least; G1's counters have
			// 8 bytes too many in each of four spaces to JDK 17.
			unit := map[string]int64{"ZGC": 1 << 20, "Shenandoah": want / 100, "G1": 32}[c.gc()]
			if diff := want - h.CommittedBytes; diff < 0 || diff > unit {
				t.Errorf("committed %d, counters %d", h.CommittedBytes, want)
			}
			if h.UsedBytes < 40<<20 || h.UsedBytes > h.CommittedBytes {
				t.Errorf("used %d of %d", h.UsedBytes, h.CommittedBytes)
			}
			sizes := byKind(t, h.Ranges)
			switch {
			case c.gc() == "ZGC":
				if h.Ranges != nil {
					t.Errorf("ranges %v", h.Ranges)
				}
			case c.gc() == "Epsilon":
				if sizes[ranges.Heap] != uint64(h.CommittedBytes) {
					t.Errorf("ranges %v", h.Ranges)
				}
			case len(h.Ranges) != 1 || sizes[ranges.Heap] != 256<<20:
				t.Errorf("ranges %v", h.Ranges)
			}
		})
	}
}

func TestHeapInfoExact(t *testing.T) {
	for path, want := range map[string][2]int64{
		"jdk8/g1":          {155648 << 10, 47445 << 10},
		"jdk8/cms":         {262144 << 10, (4180 + 46444) << 10},
		"jdk11/epsilon":    {262144 << 10, 0xfa83eed0 - 0xf0000000},
		"jdk11/z":          {256 << 20, 76 << 20},
		"jdk17/serial":     {262144 << 10, (4862 + 46337) << 10},
		"jdk25/parallel":   {262144 << 10, (3450 + 46989) << 10},
		"jdk26/g1":         {158720 << 10, 89123 << 10},
		"jdk26/shengen":    {57856 << 10, (51377 + 6144) << 10},
		"jdk28/parallel":   {(0xfed00000 - 0xfab00000) + 65536<<10, (645 + 46574) << 10},
		"jdk28/serial":     {(0xf5550000 - 0xf0000000) + 73096<<10, (4803 + 43855) << 10},
		"jdk11/parallel":   {262144 << 10, (4233 + 46379) << 10},
		"jdk25/epsilon":    {262144 << 10, 0xf39d6388 - 0xf0000000},
		"jdk26/z":          {110 << 20, 94 << 20},
		"jdk11/shenandoah": {256 << 20, 47297 << 10},
	} {
		h, err := ParseHeapInfo(jvmtest.CaptureText(t, "testdata/"+path+"/heap_info.txt"))
		if err != nil {
			t.Fatal(err)
		}
		if h.CommittedBytes != want[0] || h.UsedBytes != want[1] {
			t.Errorf("%s: %d, %d, want %d", path, h.CommittedBytes, h.UsedBytes, want)
		}
	}
}

func TestHeapInfoRefuses(t *testing.T) {
	parallel := jvmtest.CaptureText(t, "testdata/jdk25/parallel/heap_info.txt")
	for name, text := range map[string]string{
		"empty":               "",
		"unknown command":     "java.lang.IllegalArgumentException: Unknown diagnostic command\n",
		"unknown collector":   " NewHeap total 262144K, used 88730K [0x00000000f0000000, 0x0000000100000000)\n",
		"old missing":         parallel[:strings.Index(parallel, "ParOldGen")],
		"cut in the old":      parallel[:strings.Index(parallel, "ParOldGen")+30],
		"no committed":        "Shenandoah Heap\n 256M max, 47297K used\n",
		"epsilon, no space":   "Epsilon Heap\nAllocation space:\n",
		"only metaspace":      " Metaspace       used 4163K, committed 4416K, reserved 1114112K\n",
		"sizes too big":       "ZHeap used 9223372036854775807M, capacity 256M, max capacity 256M\n",
		"negative":            "ZHeap used -5M, capacity 256M, max capacity 256M\n",
		"used cut":            "garbage-first heap   total 262144K, us",
		"generation's number": "DefNew total ?K, used 1K\nTenured total 2K, used 1K\n",
	} {
		if h, err := ParseHeapInfo(text); err == nil {
			t.Errorf("%s: %+v", name, h)
		}
	}
}

// FuzzParseHeapInfo: nothing is negative, ranges are sorted and disjoint.
func FuzzParseHeapInfo(f *testing.F) {
	for _, c := range captures(f, "heap_info.txt", 68) {
		f.Add(jvmtest.CaptureText(f, c.dir+"/heap_info.txt"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ParseHeapInfo(text)
		if err != nil && (h.CommittedBytes != 0 || h.Ranges != nil) {
			t.Fatal("a result beside an error")
		}
		if h.CommittedBytes < 0 || h.UsedBytes < 0 {
			t.Fatalf("%+v", h)
		}
		byKind(t, h.Ranges)
	})
}
