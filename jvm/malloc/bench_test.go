package malloc

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkWalk walks some 170 MiB of blocks of all sizes in another process, and adds up
// their headers. It reports CPU time, also in the kernel, for each GiB, and how much memory
// this process obtained for it.
func BenchmarkWalk(b *testing.B) {
	const blocks = "140000"
	b.Run("glibc", func(b *testing.B) { benchmarkWalk(b, build(b, "blocks.c"), blocks, "small") })
	b.Run("jemalloc", func(b *testing.B) {
		benchmarkWalk(b, "env", "LD_PRELOAD="+jemallocLibrary, build(b, "blocks.c"), blocks, "small")
	})
	b.Run("musl", func(b *testing.B) { benchmarkWalk(b, buildWith(b, "musl-gcc", "blocks.c"), blocks, "small") })
}

func benchmarkWalk(b *testing.B, command ...string) {
	pid, _ := start(b, command...)
	var totals Totals
	reads, resident := 0, int64(0)
	l := openLive(b, pid)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := cpu(b)
	for b.Loop() {
		var s Split
		var err error
		if totals, err = Walk(l.mem, l.pagemap, l.areas, ample, s.Add); err != nil {
			b.Fatal(err)
		}
		s.Result(JVM{NMT: "summary"})
		reads += totals.Reads
		for _, n := range totals.ResidentBytes {
			resident += n
		}
	}
	used := cpu(b) - began
	runtime.ReadMemStats(&after)
	gib := float64(resident) / (1 << 30)
	b.ReportMetric(used.Seconds()/gib, "cpu-s/GiB")
	b.ReportMetric(float64(reads)/gib, "reads/GiB")
	b.ReportMetric(float64(resident)/float64(b.N)/mib, "MiB")
	var blocks int64
	for _, n := range totals.Blocks {
		blocks += n
	}
	b.ReportMetric(float64(blocks), "blocks")
	b.ReportMetric(float64(int64(after.HeapSys)-int64(before.HeapSys))/mib, "MiB-obtained")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/mib, "MiB-allocated/op")
}

// cpu is the time that this process ran.
func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
