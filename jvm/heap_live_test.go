package jvm

import (
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/resident"
)

// TestLiveHeapDerived: what is left of RssAnon is the heap that a count of all pages finds,
// while it grows, whatever collector the JVM has.
func TestLiveHeapDerived(t *testing.T) {
	for _, flags := range [][]string{
		{"-XX:+UseG1GC"}, {"-XX:+UseParallelGC"}, {"-XX:+UseSerialGC"},
		{"-XX:+UseG1GC", "-XX:+UseTransparentHugePages"}, {"-XX:+UseG1GC", "-XX:NativeMemoryTracking=detail"},
	} {
		t.Run(flags[0]+flags[len(flags)-1], func(t *testing.T) {
			j := jvmtest.Start(t, jvmtest.Options{JVMFlags: append(flags, "-Xms256m", "-Xmx256m")})
			p, err := Open("/proc", j.PID)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			count := func() Facts {
				t.Helper()
				a, err := p.Query(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				a.Facts.UptimeSeconds = new(1000.0) // not a young one
				f, _, err := p.Resident(a)
				if err != nil {
					t.Fatal(err)
				}
				return f
			}
			if f := count(); f.HeapDerived {
				t.Error("the first count is not one of all pages")
			}
			for _, mib := range []string{"heap 20", "heap 60"} {
				j.Do(mib)
				j.Do("threads 20 64")
				// A JVM that still warms up has other memory in each of the two counts.
				for try := 1; ; try++ {
					derived := count()
					p.counted.heap = resident.Heap{}
					counted := count()
					off := derived.Resident[ranges.Heap].AnonBytes - counted.Resident[ranges.Heap].AnonBytes
					switch {
					case !derived.HeapDerived, counted.HeapDerived, counted.Resident[ranges.Heap].AnonBytes < 20<<20:
						t.Fatalf("%s: derived %v, %+v; counted %+v", mib, derived.HeapDerived, derived.Resident[ranges.Heap], counted.Resident[ranges.Heap])
					case max(off, -off) <= 512<<10:
						t.Logf("%s: %d bytes, off by %d", mib, counted.Resident[ranges.Heap].AnonBytes, off)
					case try < 20:
						continue
					default:
						t.Errorf("%s: %d bytes, off by %d", mib, counted.Resident[ranges.Heap].AnonBytes, off)
					}
					break
				}
			}
		})
	}
}
