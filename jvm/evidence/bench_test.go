package evidence

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// BenchmarkEvidence measures what evidence costs a JVM (17 or newer, of JAVA_HOME or
// PATH): how long its threads are stopped for one question in all and at most at
// once, by its own log of safepoints; its CPU; and by how much it grew meanwhile.
func BenchmarkEvidence(b *testing.B) {
	stack := func(ctx context.Context, p *jvm.Process) error { _, err := PoolStacks(ctx, p, "exec-#"); return err }
	histogram := func(ctx context.Context, p *jvm.Process) error { _, err := Histogram(ctx, p); return err }
	for _, of := range []struct {
		name, grow string
		ask        func(context.Context, *jvm.Process) error
	}{
		{"stack_200_threads", "threads 200 16 exec", stack},
		{"stack_950_threads", "threads 950 16 exec", stack}, // just below maxDumpThreads
		{"loaders_2000", "classes 2000", func(ctx context.Context, p *jvm.Process) error { _, err := ClassLoaders(ctx, p); return err }},
		{"native_heap_200_threads", "threads 200 16 exec", func(ctx context.Context, p *jvm.Process) error { _, err := NativeHeap(ctx, p); return err }},
		{"histogram_64MiB_arrays", "heap 64", histogram},
		{"histogram_64MiB_strings", "strings 800", histogram},
	} {
		b.Run(of.name, func(b *testing.B) {
			log := filepath.Join(b.TempDir(), "safepoints")
			j := jvmtest.Start(b, jvmtest.Options{JVMFlags: []string{"-XX:+UseG1GC", "-Xmx256m", "-Xlog:safepoint:file=" + log}})
			j.Do(of.grow)
			p, err := jvm.Open("/proc", j.PID)
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			a, err := p.Query(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err := p.Resident(a); err != nil {
				b.Fatal(err)
			}
			stops, cpu, anon := len(safepoints(b, log)), jvmtest.CPUTime(b, j.PID), anonKiB(b, j.PID)
			for b.Loop() {
				if err := of.ask(b.Context(), p); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(ms(jvmtest.CPUTime(b, j.PID)-cpu)/float64(b.N), "jvm-ms/op")
			b.ReportMetric(anonKiB(b, j.PID)-anon, "grown-KiB")
			var sum, longest time.Duration
			for _, stop := range safepoints(b, log)[stops:] {
				sum, longest = sum+stop, max(longest, stop)
			}
			b.ReportMetric(ms(sum)/float64(b.N), "stopped-ms/op")
			b.ReportMetric(ms(longest), "longest-ms")
		})
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// safepoints returns how long each stop in the JVM's log was.
func safepoints(b *testing.B, log string) []time.Duration {
	b.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		b.Fatal(err)
	}
	var stops []time.Duration
	for _, total := range regexp.MustCompile(`Total: +(\d+) ns`).FindAllStringSubmatch(string(text), -1) {
		stop, err := time.ParseDuration(total[1] + "ns")
		if err != nil {
			b.Fatal(err)
		}
		stops = append(stops, stop)
	}
	return stops
}

func anonKiB(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, value, _ := strings.Cut(string(status), "RssAnon:")
	value, _, _ = strings.Cut(value, " kB")
	kib, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib
}
