package performance

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/e2e/performance/report"
	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const (
	// servedEvery is the interval of the samples, servedWindow one observation of them.
	servedEvery  = 200 * time.Millisecond
	servedWindow = 10 * time.Second
	servedWarmUp = 15 * time.Second // until the first verdict, each interval has a sample
	servedRounds = 5
	// grownEvery is the time between two growths of malloc's memory, by blocks of 64 KiB.
	grownEvery = 100 * time.Millisecond
	// largestHeap is measured where so much more memory is available, in MiB: the JVM with 4 GiB,
	// and 2 GiB for the rest of each.
	largestHeap, besideLargest = 16384, 4096 + 2048
)

// growth is how malloc's memory moves during an observation.
type growth struct {
	name   string
	blocks int     // each grownEvery
	goal   float64 // the part of one jcmd that an interval may take
}

// TestServed measures what jvmem takes at each interval as it serves: with history, verdict and malloc's
// blocks, by the CPU time of the whole process, but without the evidence of a suspected leak,
// which is collected once. Where nothing has moved, an interval has a light reading and no
// sample. Heaps and binaries take turns. jvmem and jcmd have a priority above other programs, so
// that these do not empty its caches.
func TestServed(t *testing.T) {
	d := installed(t)
	growths := []growth{{"at rest", 0, 200}, {"640 KiB malloced each second", 1, 100}, {"6.4 MiB malloced each second", 10, 100}}
	sizes := []int{64, 4096} // MiB
	if fileMiB(t, "/proc/meminfo", "MemAvailable") > largestHeap+besideLargest {
		sizes = append(sizes, largestHeap)
	}
	binaries := []string{*binary}
	if *before != "" {
		binaries = append(binaries, *before)
	}
	var jvms []*jvmtest.JVM
	for _, size := range sizes {
		jvms = append(jvms, d.start(t, 200, size))
	}
	time.Sleep(youngFor)
	cpu, sampled := make(map[string][]float64), make(map[string][]float64) // of an interval, in ms; samples in percent of the intervals
	var jcmd []float64
	random := rand.New(rand.NewPCG(1, 2))
	for range servedRounds {
		for _, i := range random.Perm(len(sizes)) {
			for _, g := range growths {
				for _, k := range random.Perm(len(binaries)) {
					key := fmt.Sprint(binaries[k], sizes[i], g.name)
					spent, samples := servedCPU(t, binaries[k], d, jvms[i], g.blocks)
					cpu[key], sampled[key] = append(cpu[key], spent), append(sampled[key], samples)
				}
			}
		}
		child, err := process(checkNMT, append([]string{"nice", "--adjustment=-20"}, d.jcmd(jvms[0], "VM.native_memory summary")...)...)()
		if err != nil {
			t.Fatal(err)
		}
		jcmd = append(jcmd, milliseconds(child.UserTime()+child.SystemTime()))
	}
	out := &report.Table{Head: []string{"", "CPU ms", "of `jcmd`", "goal", "", "to the smallest heap", "goal 1.2", "intervals with a sample", "CPU ms before"}}
	for _, g := range growths {
		smallest := 0.0
		for _, size := range sizes {
			key := fmt.Sprint(size, g.name)
			now, of := report.Median(cpu[*binary+key]), report.Median(jcmd)
			row := []string{
				fmt.Sprintf("%s, %d MiB of heap", g.name, size), report.Number(now), "1/" + report.Number(of/now), fmt.Sprintf("1/%v", g.goal), report.Met(now*g.goal <= of), "", "", report.Number(report.Median(sampled[*binary+key])) + " %", "",
			}
			if smallest = cmp.Or(smallest, now); size > sizes[0] {
				row[5], row[6] = report.Number(now/smallest), report.Met(now <= 1.2*smallest)
			}
			if *before != "" {
				row[8] = number(cpu[*before+key])
			}
			out.Add(row...)
		}
	}
	what := fmt.Sprintf("`jvmem serve --interval %v --max-cpu 0 --evidence none` and `jcmd` with nice -20; medians of %d observations\nof %v each, 200 threads, G1; one `jcmd` takes %s ms.",
		servedEvery, servedRounds, servedWindow, number(jcmd))
	if len(sizes) < 3 {
		what += " The memory for a heap of 16 GiB was not available."
	}
	if *before != "" {
		what += fmt.Sprintf(" *before* is `%s`.", strings.TrimPrefix((*before)[strings.LastIndex(*before, "/")+1:], "jvmem-"))
	}
	write(t, "served", fmt.Sprintf("%s\n%s\n\n%s", machine(t, version(t, jvms[0])), what, out))
}

// servedCPU returns the CPU time of one interval in milliseconds, and how many percent of the intervals have
// a sample, while malloc's memory grows by blocks of 64 KiB each grownEvery.
func servedCPU(t *testing.T, binary string, d *jdk, j *jvmtest.JVM, blocks int) (spent, sampled float64) {
	t.Helper()
	s := sidecar.Start(t, sidecar.Options{Binary: binary, Flags: []string{"--interval", servedEvery.String(), "--pid", fmt.Sprint(j.PID), "--max-cpu", "0", "--evidence", "none"}})
	defer s.Stop()
	prioritize(t, s.PID())
	pass := func(d time.Duration) {
		ticker := time.NewTicker(grownEvery)
		defer ticker.Stop()
		for begun := time.Now(); time.Since(begun) < d; <-ticker.C {
			if blocks > 0 {
				j.Do(fmt.Sprintf("unsafeblocks %d %d", blocks, 64<<10))
			}
		}
	}
	pass(servedWarmUp) // the first samples read more
	begun, before := time.Now(), jvmtest.CPUTime(t, s.PID())
	pass(servedWindow)
	cpu, intervals := jvmtest.CPUTime(t, s.PID())-before, time.Since(begun).Seconds()/servedEvery.Seconds()
	samples := samplesSince(t, s, begun)
	if blocks > 0 {
		j.Do("unsafefree")
		if _, err := process(nil, d.jcmd(j, "System.trim_native_heap")...)(); err != nil { // else the next growth is of what malloc retained
			t.Fatal(err)
		}
	}
	return milliseconds(cpu) / intervals, 100 * float64(samples) / intervals
}

// prioritize gives all threads of a process, and those that they start, the highest priority of
// those without real time: with that the kernel wakes sleeping threads more often.
func prioritize(t *testing.T, pid int) {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Setpriority(unix.PRIO_PROCESS, tid, -20); err != nil {
			t.Fatal(err)
		}
	}
}
