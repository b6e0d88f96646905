package apps

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// outcome is a server with generous settings, then with those that were recommended.
type outcome struct {
	c             *testCase
	first, second *trial
}

// outcomes are collected from all cases.
type outcomes struct {
	mu    sync.Mutex
	all   []outcome
	unfit []outcome
}

func (o *outcomes) add(of outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, of)
	fmt.Println(of.row())
}

func (o *outcomes) addUnfit(of outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unfit = append(o.unfit, of)
	fmt.Println(of.unfitRow())
}

// What the goal allows.
const (
	leastThroughput = 0.95
	mostCollecting  = 0.05
	leastUse        = 0.75
	mostUse         = 0.95
)

// misses names what of the goal was missed.
func (o *outcome) misses() []string {
	var all []string
	if o.second == nil {
		return []string{"no recommendation: " + semicolons(append(o.first.sized.Leaks, o.first.sized.Missing...))}
	}
	if o.second.ended != "" {
		all = append(all, o.second.ended)
	}
	if o.throughput() < leastThroughput {
		all = append(all, "throughput")
	}
	if o.second.collecting > max(mostCollecting, o.first.collecting) {
		all = append(all, "collections")
	}
	switch use := float64(o.second.peak) / float64(o.second.limit); {
	case use < leastUse:
		all = append(all, "limit too high")
	case use > mostUse:
		all = append(all, "limit too low")
	}
	return all
}

// throughput is the rate of requests that were answered, as a share of the one of before.
func (o *outcome) throughput() float64 {
	rate := func(r *trial) float64 { return float64(r.answered) / max(r.lasted.Seconds(), 1) } // one that did not start took no time
	return rate(o.second) / rate(o.first)
}

// left is what the peak left of the limit, in percent of it: of the heap, of everything else with what was to come, and
// the headroom.
func (o *outcome) left() string {
	r, most := o.first.sized.Recommended, o.second
	heap := r.MaxHeapBytes - most.heap
	share := func(bytes int64) int64 { return 100 * bytes / r.LimitBytes }
	return fmt.Sprintf("%d, %d, %d", share(heap), share(r.NeededBytes-most.peak-heap), share(r.HeadroomBytes))
}

func mibs(bytes int64) string { return fmt.Sprintf("%d", (bytes+mib/2)/mib) }

// row is a line of the table.
func (o *outcome) row() string {
	cells := []string{o.c.server.name, o.c.gc, fmt.Sprintf("%s / %.1f %%", mibs(o.first.peak), 100*o.first.collecting)}
	if o.second == nil {
		return "| " + strings.Join(append(cells, "-", "-", "-", "-", "-", semicolons(o.misses()), "-", "-", "-"), " | ") + " |"
	}
	r := o.first.sized.Recommended
	cells = append(cells,
		fmt.Sprintf("%s / %d", mibs(r.LimitBytes), r.heapMiB()),
		fmt.Sprintf("%.0f %%", 100*o.throughput()),
		fmt.Sprintf("%.1f %%", 100*o.second.collecting),
		fmt.Sprintf("%.0f %%", 100*float64(o.second.peak)/float64(o.second.limit)), o.left(),
		cmp.Or(semicolons(o.misses()), "met"))
	return "| " + strings.Join(append(cells, o.alternatives()...), " | ") + " |"
}

const (
	// The constants of the memory calculator of the Paketo Java buildpacks: github.com/paketo-buildpacks/libjvm,
	// calc/calculator.go, stack.go, reserved_code_cache.go, direct_memory.go and helper/memory_calculator.go
	// (20962c26, 05239888). Its head room is 0; it estimates the number of
	// classes as 0.35 of those in the application and the JDK, here it is the number that was loaded.
	classBytes, classOverhead                 = 5_800, 14_000_000
	buildpackThreads, buildpackStack          = 250, 1 * mib
	buildpackCodeCache, buildpackDirect int64 = 240 * mib, 10 * mib
	maxRAMPercentage, workingSetFactor        = 0.75, 1.2
)

// alternatives are the limits that others would have set for the same heap, in MiB.
func (o *outcome) alternatives() []string {
	heap := o.first.sized.Recommended.MaxHeapBytes
	share := int64(float64(heap) / maxRAMPercentage)
	rest := o.second.peak - o.second.heap
	text := mibs(share)
	if heap+rest > share {
		text += fmt.Sprintf(", %s too low", mibs(heap+rest-share))
	}
	calculated := heap + o.first.classes*classBytes + classOverhead + buildpackThreads*buildpackStack + buildpackCodeCache + buildpackDirect
	return []string{text, mibs(calculated), mibs(int64(workingSetFactor * float64(o.first.workingSet)))}
}

func (o *outcome) unfitRow() string {
	told, end := "no", cmp.Or(o.first.ended, "did not end")
	if o.first.wasTold {
		told = o.first.told.Round(time.Second).String()
	}
	return fmt.Sprintf("| %s | %s | %d / %d | %s | %s | %s |", o.c.server.name, cmp.Or(o.c.gc, "G1"), o.c.limit, o.first.limit/mib, told, o.first.lasted.Round(time.Second), end)
}

// begin is the heading of the part of the document that the bench writes.
const begin = "## Tried\n"

// write replaces the part of the document that the bench writes.
func (o *outcomes) write() error {
	if len(o.all)+len(o.unfit) == 0 {
		return nil
	}
	var text bytes.Buffer
	o.print(&text)
	if _, err := os.Stdout.Write(text.Bytes()); err != nil || *document == "" {
		return err
	}
	was, err := os.ReadFile(*document)
	if err != nil {
		return err
	}
	head, _, _ := strings.Cut(string(was), begin)
	return os.WriteFile(*document, append([]byte(head+begin), text.Bytes()...), 0o644)
}

func (o *outcomes) print(w io.Writer) {
	by := func(a, b outcome) int {
		return cmp.Or(strings.Compare(a.c.server.name, b.c.server.name), strings.Compare(a.c.gc, b.c.gc))
	}
	slices.SortFunc(o.all, by)
	slices.SortFunc(o.unfit, by)
	met := 0
	for i := range o.all {
		if len(o.all[i].misses()) == 0 {
			met++
		}
	}
	fmt.Fprintf(w, "\nWritten by `make bench-sizing`. Each server ran under load for %s with a limit of %d MiB and -Xmx%dm, then for %s with what\n", *duration, generousLimit, generousHeap, secondRun**duration)
	fmt.Fprintf(w, "`/sizing` recommended. The goal: no kill and no OutOfMemoryError, %.0f %% of the requests or more, %.0f %% of the CPU time for\n", 100*leastThroughput, 100*mostCollecting)
	fmt.Fprintf(w, "collections or no more than before, a peak of what cannot be reclaimed between %.0f and %.0f %% of the limit. **%d of %d met it.**\n\n", 100*leastUse, 100*mostUse, met, len(o.all))
	load, _ := os.ReadFile("/proc/loadavg") // "" if it is not known
	averages := strings.Join(strings.Fields(string(load))[:min(3, len(strings.Fields(string(load))))], ", ")
	fmt.Fprintf(w, "%d CPUs, %s, load averages at the end %s. Pauses are longer, and requests are dropped, where other work takes the CPUs.\n", runtime.NumCPU(), time.Now().UTC().Format("2 January 2006"), averages)
	fmt.Fprintf(w, "Sizes in MiB. CPU time for collections is that of HotSpot's log (`gc+cpu`). The last three columns are the limits that others\n")
	fmt.Fprintf(w, "would set: for `MaxRAMPercentage=75` with the recommended heap, the memory calculator of the Java buildpacks (%d bytes a class + %d MB,\n", classBytes, classOverhead/1_000_000)
	fmt.Fprintf(w, "%d threads of 1 MiB, 240 MiB of code cache, 10 MiB of direct buffers) with the same heap, and 1.2 times the peak of the working set.\n", buildpackThreads)
	fmt.Fprint(w, "\"Left\" is what the peak left of the limit, in percent of it: of the heap, of everything else with what was still to come, and the headroom.\n")
	fmt.Fprint(w, "The calculator is that of [libjvm](https://github.com/paketo-buildpacks/libjvm) (`calc`, `helper/memory_calculator.go`), which takes 0.35 of\nthe classes in application and JDK; here it has the number that was loaded.\n")
	fmt.Fprint(w, "\"Too low\" is by how much that heap and everything else exceed the limit.\n\n")
	fmt.Fprintln(w, "| server | collector | before: peak / collections | recommended limit / -Xmx | requests | collections | peak of the limit | left | goal | 75 % | buildpacks | working set × 1.2 |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|---|")
	for i := range o.all {
		fmt.Fprintln(w, o.all[i].row())
	}
	if len(o.unfit) == 0 {
		return
	}
	fmt.Fprint(w, "\nThe reverse: servers whose heap fills, with a maximum heap as large as the limit. `told` is when `/sizing` first said that the settings do\nnot fit, after the start of the load.\n\n")
	fmt.Fprintln(w, "| server | collector | limit before / here | told after | ended after | how |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|")
	for i := range o.unfit {
		fmt.Fprintln(w, o.unfit[i].unfitRow())
	}
}
