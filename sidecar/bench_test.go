package sidecar

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// BenchmarkLive looks at one JVM of 200 threads in all ways, and by the tools
// that people use for it: the numbers stand side by side because the JVM, the
// machine and the moment are the same. docs/benchmarks.md explains the columns.
func BenchmarkLive(b *testing.B) {
	j := jvmtest.Start(b, jvmtest.Options{JVMFlags: []string{"-Xms128m", "-Xmx128m", "-XX:+UseG1GC", "-XX:NativeMemoryTracking=summary"}})
	j.Do("heap 64")
	j.Do("threads 200 64")
	options := Options{Proc: podProc(b, j.PID, os.Getpid())}
	ctx := context.Background()

	b.Run("sample", func(b *testing.B) {
		s := NewSampler(options)
		defer s.Close()
		sample(b, s)
		measure(b, j.PID, func() { sample(b, s) })
		b.ReportMetric(peakMiB(b), "peak-MiB")
	})
	// The JVM has opened its attach socket by now: without the handshake.
	b.Run("first_sample", func(b *testing.B) {
		measure(b, j.PID, func() {
			s := NewSampler(options)
			sample(b, s)
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("ask", func(b *testing.B) {
		p, _ := asked(b, options.Proc, j.PID)
		measure(b, j.PID, func() {
			if _, err := p.Ask(ctx); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("walk", func(b *testing.B) {
		p, told := asked(b, options.Proc, j.PID)
		measure(b, j.PID, func() {
			facts := *told
			if _, err := p.Walk(&facts); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("nmt_attach", func(b *testing.B) {
		client := attach.New(attach.Target{PID: j.PID}, attach.Options{})
		measure(b, j.PID, func() {
			reply, err := client.Do(ctx, attach.NativeMemorySummary)
			if err != nil {
				b.Fatal(err)
			}
			checkNMT(b, reply.Text)
		})
	})
	pid, nmt := strconv.Itoa(j.PID), attach.NativeMemorySummary.String()
	b.Run("nmt_jcmd", func(b *testing.B) { measureTool(b, j.PID, "default-jdk-headless", "jcmd", pid, nmt) })
	b.Run("nmt_jattach", func(b *testing.B) { measureTool(b, j.PID, "jattach", "jattach", pid, "jcmd", nmt) })
}

// asked returns the JVM in steady state: asked and walked once.
func asked(b *testing.B, proc string, pid int) (*jvm.Process, *jvm.Facts) {
	b.Helper()
	p, err := jvm.Open(proc, pid)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = p.Close() }) // nothing was written
	facts, err := p.Ask(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	first := *facts
	if _, err := p.Walk(&first); err != nil {
		b.Fatal(err)
	}
	return p, facts
}

// measure reports beside the wall time what CPU look took here (cpu-ms/op) and
// in the JVM (jvm-ms/op).
func measure(b *testing.B, pid int, look func()) {
	b.Helper()
	b.ReportAllocs()
	jvmBefore, before := jvmCPU(b, pid), ownCPU(b)
	for b.Loop() {
		look()
	}
	reportCPU(b, "cpu-ms/op", ownCPU(b)-before)
	reportCPU(b, "jvm-ms/op", jvmCPU(b, pid)-jvmBefore)
}

// measureTool does the same for a child process that asks for the NMT summary.
func measureTool(b *testing.B, pid int, debianPackage, tool string, args ...string) {
	b.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		b.Fatalf("%v: install it (Debian: apt-get install %s)", err, debianPackage)
	}
	var cpu time.Duration
	var peakKiB int64
	jvmBefore := jvmCPU(b, pid)
	for b.Loop() {
		command := exec.Command(path, args...)
		out, err := command.Output()
		if err != nil {
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
				out = append(out, exit.Stderr...)
			}
			b.Fatalf("%v: %v\n%s", command, err, out)
		}
		checkNMT(b, string(out))
		state := command.ProcessState
		cpu += state.UserTime() + state.SystemTime()
		peakKiB = max(peakKiB, state.SysUsage().(*syscall.Rusage).Maxrss)
	}
	reportCPU(b, "cpu-ms/op", cpu)
	reportCPU(b, "jvm-ms/op", jvmCPU(b, pid)-jvmBefore)
	// Linux starts a child's maximum with what its parent had at exec
	// (setmax_mm_hiwater_rss): a smaller child's own peak is not known.
	if peak := float64(peakKiB) / 1024; peak > peakMiB(b) {
		b.ReportMetric(peak, "peak-MiB")
	}
}

func reportCPU(b *testing.B, unit string, cpu time.Duration) {
	b.ReportMetric(float64(cpu)/float64(time.Millisecond)/float64(b.N), unit)
}

// checkNMT checks that a whole report came, not some complaint.
func checkNMT(b *testing.B, text string) {
	b.Helper()
	if !strings.Contains(text, "Native Memory Tracking:") || !strings.Contains(text, "Total: reserved=") {
		b.Fatalf("no NMT report: %.400s", text)
	}
}

func ownCPU(b *testing.B) time.Duration {
	b.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// jvmCPU reads the CPU clock of a process (clock_getcpuclockid(3)): user and
// system time of all its threads, in nanoseconds rather than ticks.
func jvmCPU(b *testing.B, pid int) time.Duration {
	b.Helper()
	const schedClock = 2 // CPUCLOCK_SCHED
	var t unix.Timespec
	if err := unix.ClockGettime(^int32(pid)<<3|schedClock, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// peakMiB is the most that was resident of this process. Not getrusage: that
// has also what the parent had when it started the process.
func peakMiB(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	value, _, ok := strings.Cut(strings.TrimSpace(rest), " kB")
	kib, err := strconv.Atoi(value)
	if !ok || err != nil {
		b.Fatalf("no VmHWM in %s", status)
	}
	return float64(kib) / 1024
}
