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

// batch is how long a look is repeated for one value, so that the shortest are not
// measured by one of them.
const batch = 10 * time.Millisecond

// cell is a JVM to look at. Without a number of mappings it has some 3 for a thread.
type cell struct {
	jdk                        *jdk
	threads, heapMiB, mappings int
}

// base is the cell that the others differ from in one number.
func base(d *jdk) cell { return cell{jdk: d, threads: 200, heapMiB: 64} }

func (c cell) String() string {
	text := fmt.Sprintf("%d threads, %d MiB of heap", c.threads, c.heapMiB)
	if c.mappings > 0 {
		text += fmt.Sprintf(", %d mappings", c.mappings)
	}
	return text
}

// cost is what looks cost, each value in all rounds.
type cost struct {
	name           string    // of the look
	wall, cpu, jvm []float64 // milliseconds for one
	allocations    []float64 // empty: of another process
	allocatedBytes []float64
	peakMiB        float64 // of another process; 0: not known
}

// costs are of all looks at a JVM.
type costs []*cost

func (c costs) of(name string) *cost {
	return c[slices.IndexFunc(c, func(of *cost) bool { return of.name == name })]
}

// TestLooks looks at each JVM in all ways, one after the other in a new order in each
// round: what else the machine does meets all of them.
func TestLooks(t *testing.T) {
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
			var others []look
			if c.heapMiB > small.heapMiB { // in the same rounds, as the difference may be small
				others = append(others, look{name: smallLook, run: cheap(t, c.jdk.start(t, small.threads, small.heapMiB))})
			}
			ways := append(looks(t, c.jdk, j), others...)
			time.Sleep(youngFor)
			all[c] = compare(t, j.PID, ways)
			of := version(t, j)
			if !slices.Contains(versions, of) {
				versions = append(versions, of)
			}
			fmt.Fprintf(&text, "**JDK %s, %s** (%s)\n\n%s\n", feature(of), c, counts(t, j.PID), table(all[c]))
		})
	}
	if t.Failed() || len(all) < len(cells) { // some, by -run
		t.Log(text.String())
		return
	}
	if err != nil {
		fmt.Fprintf(&text, "The newest JDK could not be had: %v\n", err)
	}
	head := fmt.Sprintf("%s Medians of %d rounds.\n\n%s\n", machine(t, versions...), *rounds, goals(all, pathJDK, latest))
	write(t, "looks", head+text.String())
}

// compare takes all looks in turn.
func compare(t *testing.T, pid int, looks []look) costs {
	t.Helper()
	all := make(costs, len(looks))
	repeats := make([]int, len(looks))
	for i, l := range looks {
		all[i] = &cost{name: l.name}
		begun := time.Now()
		if _, err := l.run(); err != nil {
			t.Fatalf("%s: %v", l.name, err)
		}
		repeats[i] = max(1, l.turn, int(batch/max(time.Since(begun), time.Microsecond)))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range *rounds {
		for _, i := range random.Perm(len(looks)) {
			all[i].measure(t, pid, looks[i], repeats[i])
		}
	}
	return all
}

// measure adds a value of each kind: the mean of some repeats.
func (c *cost) measure(t *testing.T, pid int, l look, repeats int) {
	t.Helper()
	var before, after runtime.MemStats
	var children time.Duration
	other := false
	runtime.GC() // or one look would pay for another's garbage
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
			// Linux starts a child's maximum with what its parent had at exec
			// (setmax_mm_hiwater_rss): a smaller child's own is not known.
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

// peakMiB is the most that was resident of this process.
func peakMiB(t *testing.T) float64 {
	t.Helper()
	return statusMiB(t, os.Getpid(), "VmHWM")
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
