package performance

import (
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/performance/report"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const (
	manyWindow = 20 * time.Second
	// lastingFor is how long a process is examined in each sample (proc.NonJVMs).
	lastingFor = 125 * time.Second
)

// TestMany measures what many JVMs, other processes and mappings cost jvmem: CPU of a sample,
// memory and descriptors.
func TestMany(t *testing.T) {
	d := installed(t)
	small := func(t *testing.T) *jvmtest.JVM {
		return jvmtest.Start(t, jvmtest.Options{Wrap: d.wrap, JVMFlags: []string{"-Xmx64m", "-XX:+UseSerialGC", "-XX:NativeMemoryTracking=summary"}})
	}
	out := &report.Table{Head: []string{"", "CPU ms each second", "peak MiB", "goal", "", "resident MiB", "descriptors"}}
	of := ""
	observe := func(name string, settle time.Duration, goal float64, setup func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			j := small(t)
			of = version(t, j)
			setup(t)
			s := serve(t, append([]string{"--interval", "1s"}, unlimited(t)...)...)
			time.Sleep(settle)
			first := usageOf(t, s, time.Now())
			begun := time.Now()
			time.Sleep(manyWindow)
			last := usageOf(t, s, begun)
			row := []string{name, report.Number(1000 * (last.cpuSeconds - first.cpuSeconds) / last.at.Seconds()), report.Number(last.peakMiB), "", "", report.Number(last.rssMiB), report.Number(last.descriptors)}
			if goal > 0 {
				row[3], row[4] = fmt.Sprint("at most ", goal), report.Met(last.peakMiB <= goal)
			}
			out.Add(row...)
		})
	}
	observe("1 JVM", youngFor, 0, func(*testing.T) {})
	observe("20 JVMs", youngFor, 0, func(t *testing.T) {
		for range 19 {
			small(t)
		}
	})
	observe("1 JVM and 300 other processes", lastingFor, 0, func(t *testing.T) {
		for range 300 {
			sleep := exec.Command("sleep", "1000")
			if err := sleep.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _, _ = sleep.Process.Kill(), sleep.Wait() })
		}
	})
	for _, n := range []int{1, 4} {
		observe(fmt.Sprintf("1 JVM and %d with 60,000 mappings", n), youngFor, 24, func(t *testing.T) {
			for range n {
				addMappings(t, small(t), 60_000)
			}
		})
	}
	write(t, "many", fmt.Sprintf("%s\n`jvmem serve --interval 1s --max-cpu 0`; JVMs with Serial and a cgroup of their own, observed for %v;\nthe other processes are outside of these, and older than two minutes. Seconds in which nothing moves have no sample.\n\n%s",
		machine(t, of), manyWindow, out))
}
