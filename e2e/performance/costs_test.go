package performance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// batch is the time for which a way is repeated to get one value: a single run of the
// shortest is too short to measure.
const batch = 10 * time.Millisecond

// cell is a JVM to sample. If mappings is 0 it has about 3 per thread.
type cell struct {
	jdk                        *jdk
	threads, heapMiB, mappings int
}

// base is the cell from which each other differs in one number.
func base(d *jdk) cell { return cell{jdk: d, threads: 200, heapMiB: 64} }

func (c cell) String() string {
	text := fmt.Sprintf("%d threads, %d MiB of heap", c.threads, c.heapMiB)
	if c.mappings > 0 {
		text += fmt.Sprintf(", %d mappings", c.mappings)
	}
	return text
}

// cost is the cost of one way, with one value per round.
type cost struct {
	name           string    // of the way
	wall, cpu, jvm []float64 // milliseconds per run
	allocations    []float64 // none for another process
	allocatedBytes []float64
	peakMiB        float64 // of another process; 0 is unknown
}

// costs are those of all ways to sample one JVM.
type costs []*cost

func (c costs) of(name string) *cost {
	return c[slices.IndexFunc(c, func(of *cost) bool { return of.name == name })]
}

// TestSamples samples each JVM in all ways, in a new random order in each round, so that
// other load affects all of them.
func TestSamples(t *testing.T) {
	pathJDK := installed(t)
	small := base(pathJDK)
	cells := []cell{small}
	for _, threads := range []int{20, 2000} {
		cells = append(cells, cell{pathJDK, threads, 64, 0})
	}
	cells = append(cells, cell{pathJDK, 200, 4096, 0}, cell{pathJDK, 200, 64, 5000})
	latest, err := newest()
	if err == nil {
		cells = append(cells, base(latest))
	}

	var text strings.Builder
	var versions []string
	all := make(map[cell]costs)
	for _, c := range cells {
		t.Run(strings.ReplaceAll(fmt.Sprint("JDK ", c.jdk.name, " ", c), " ", "_"), func(t *testing.T) {
			j := c.jdk.start(t, c.threads, c.heapMiB)
			addMappings(t, j, c.mappings)
			var others []way
			if c.heapMiB > small.heapMiB { // in the same rounds, as the difference is small
				others = append(others, way{name: smallReading, run: light(t, c.jdk.start(t, small.threads, small.heapMiB))})
			}
			candidates := append(ways(t, c.jdk, j), others...)
			time.Sleep(youngFor)
			all[c] = compare(t, j.PID, candidates)
			of := version(t, j)
			if !slices.Contains(versions, of) {
				versions = append(versions, of)
			}
			fmt.Fprintf(&text, "**JDK %s, %s** (%s)\n\n%s\n", feature(of), c, counts(t, j.PID), table(all[c]))
		})
	}
	if t.Failed() || len(all) < len(cells) { // -run selected some
		t.Log(text.String())
		return
	}
	if err != nil {
		fmt.Fprintf(&text, "The newest JDK is not available: %v\n", err)
	}
	head := fmt.Sprintf("%s\nMedians of %d rounds.\n\n%s\n", machine(t, versions...), *rounds, goals(all, pathJDK, latest))
	write(t, "samples", head+text.String())
}

// compare measures all ways in turn.
func compare(t *testing.T, pid int, ways []way) costs {
	t.Helper()
	all := make(costs, len(ways))
	repeats := make([]int, len(ways))
	for i, l := range ways {
		all[i] = &cost{name: l.name}
		begun := time.Now()
		if _, err := l.run(); err != nil {
			t.Fatalf("%s: %v", l.name, err)
		}
		repeats[i] = max(1, l.cycle, int(batch/max(time.Since(begun), time.Microsecond)))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range *rounds {
		for _, i := range random.Perm(len(ways)) {
			all[i].measure(t, pid, ways[i], repeats[i])
		}
	}
	return all
}

// measure adds one value of each kind, the mean of several runs.
func (c *cost) measure(t *testing.T, pid int, l way, repeats int) {
	t.Helper()
	var before, after runtime.MemStats
	var children time.Duration
	other := false
	runtime.GC() // or one way would collect the garbage of another
	runtime.ReadMemStats(&before)
	jvm, cpu, begun := jvmtest.CPUTime(t, pid), jvmtest.CPUTime(t, os.Getpid()), time.Now()
	for range repeats {
		child, err := l.run()
		if err != nil {
			t.Fatalf("%s: %v", l.name, err)
		}
		if child != nil {
			other = true
			children += child.UserTime() + child.SystemTime()
			// Linux initializes a child's peak with that of its parent at exec
			// (setmax_mm_hiwater_rss): the peak of a smaller child is unknown.
			if peak := float64(child.SysUsage().(*syscall.Rusage).Maxrss) / 1024; peak > peakMiB(t)*1.1 {
				c.peakMiB = max(c.peakMiB, peak)
			}
		}
	}
	wall := time.Since(begun)
	cpu, jvm = jvmtest.CPUTime(t, os.Getpid())-cpu, jvmtest.CPUTime(t, pid)-jvm
	runtime.ReadMemStats(&after)
	n := float64(repeats)
	if other {
		cpu = children
	} else {
		c.allocations = append(c.allocations, float64(after.Mallocs-before.Mallocs)/n)
		c.allocatedBytes = append(c.allocatedBytes, float64(after.TotalAlloc-before.TotalAlloc)/n)
	}
	c.wall = append(c.wall, milliseconds(wall)/n)
	c.cpu = append(c.cpu, milliseconds(cpu)/n)
	c.jvm = append(c.jvm, milliseconds(jvm)/n)
}

// peakMiB is the peak resident size of this process.
func peakMiB(t *testing.T) float64 {
	t.Helper()
	return statusMiB(t, os.Getpid(), "VmHWM")
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
