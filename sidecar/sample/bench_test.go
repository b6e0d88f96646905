package sample

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// grownUp is longer than jvm takes a JVM for a young one.
const grownUp = 31 * time.Second

// BenchmarkLive takes the steps of a sample of one JVM of 200 threads: for a profile.
// How they compare with other tools is measured in e2e/performance.
func BenchmarkLive(b *testing.B) {
	j := jvmtest.Start(b, jvmtest.Options{JVMFlags: []string{"-Xms128m", "-Xmx128m", "-XX:+UseG1GC", "-XX:NativeMemoryTracking=summary"}})
	j.Do("heap 64")
	j.Do("threads 200 64")
	options := Options{Proc: jvmtest.NewPodProc(b, j.PID, os.Getpid()).Dir()}
	ctx := context.Background()
	time.Sleep(grownUp) // of a young JVM more is read anew

	b.Run("sample", func(b *testing.B) {
		s := New(options)
		defer s.Close()
		sample(b, s)
		measure(b, j.PID, func() { sample(b, s) })
	})
	// The JVM has opened its attach socket by now: without the handshake.
	b.Run("first_sample", func(b *testing.B) {
		measure(b, j.PID, func() {
			s := New(options)
			sample(b, s)
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("query", func(b *testing.B) {
		p, _ := queried(b, options.Proc, j.PID)
		measure(b, j.PID, func() {
			if _, err := p.Query(ctx); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("count", func(b *testing.B) {
		p, answers := queried(b, options.Proc, j.PID)
		measure(b, j.PID, func() {
			if _, _, err := p.Resident(answers); err != nil {
				b.Fatal(err)
			}
		})
	})
}

// BenchmarkHeap counts the pages of JVMs with heaps of different sizes: all of them, and
// without those of the heap.
func BenchmarkHeap(b *testing.B) {
	sizes := []int{64, 1024, 4096} // MiB
	var jvms []*jvmtest.JVM
	for _, size := range sizes {
		limit := fmt.Sprint(size+size/8+64, "m")
		j := jvmtest.Start(b, jvmtest.Options{JVMFlags: []string{"-Xms" + limit, "-Xmx" + limit, "-XX:+UseG1GC", "-XX:NativeMemoryTracking=summary"}})
		j.Do(fmt.Sprint("heap ", size))
		j.Do("threads 200 64")
		jvms = append(jvms, j)
	}
	time.Sleep(grownUp) // a young one is counted
	for i, j := range jvms {
		for _, all := range []bool{true, false} {
			name := map[bool]string{true: "counted", false: "derived"}[all]
			b.Run(fmt.Sprintf("%s_%dMiB", name, sizes[i]), func(b *testing.B) {
				p, answers := queried(b, "/proc", j.PID)
				measure(b, j.PID, func() {
					if all {
						p.CountHeap()
					}
					if f, _, err := p.Resident(answers); err != nil || f.HeapDerived == all {
						b.Fatalf("derived %v, %v", f.HeapDerived, err)
					}
				})
			})
		}
	}
}

// queried returns the JVM in steady state: queried and counted once.
func queried(b *testing.B, proc string, pid int) (*jvm.Process, *jvm.Answers) {
	b.Helper()
	p, err := jvm.Open(proc, pid)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = p.Close() }) // nothing was written
	answers, err := p.Query(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	if _, _, err := p.Resident(answers); err != nil {
		b.Fatal(err)
	}
	return p, answers
}

// measure reports beside the wall time what CPU look took here (cpu-ms/op) and
// in the JVM (jvm-ms/op).
func measure(b *testing.B, pid int, look func()) {
	b.Helper()
	b.ReportAllocs()
	jvmBefore, before := jvmtest.CPUTime(b, pid), ownCPU(b)
	for b.Loop() {
		look()
	}
	reportCPU(b, "cpu-ms/op", ownCPU(b)-before)
	reportCPU(b, "jvm-ms/op", jvmtest.CPUTime(b, pid)-jvmBefore)
}

func reportCPU(b *testing.B, unit string, cpu time.Duration) {
	b.ReportMetric(float64(cpu)/float64(time.Millisecond)/float64(b.N), unit)
}

func ownCPU(b *testing.B) time.Duration {
	b.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
