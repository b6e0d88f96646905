package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// Names of series. Sizes are bytes.
const (
	Usage       = "usage"
	WorkingSet  = "working_set"
	Reclaimable = "reclaimable"
	// Unreclaimable is usage - reclaimable, see rows.Unreclaimable.
	Unreclaimable = "unreclaimable"
	Limit         = "limit"
	Swap          = "swap"
	OOMKills      = "oom_kills"
	RefaultBytes  = "refault_bytes" // and the next two: of the cgroup, see cgroup.Pressure
	MajorFaults   = "major_faults"
	StalledMillis = "stalled_ms"

	Threads        = "threads"
	Classes        = "classes"
	OldUsed        = "old_used"        // old generation, see jvm.Old
	OldCollections = "old_collections" // and how often it was collected
	CPUMillis      = "cpu_ms"          // CPU time of the JVMs
	Unanswered     = "unanswered"      // JVMs that did not answer commands
	GCMillis       = "gc_ms"           // time in their collections
	GCCPUMillis    = "gc_cpu_ms"       // and CPU time of these
	// JVMGeneration changes when another JVM runs; its value has no meaning. It is
	// known wherever a full sample was taken, see Store.AddReading.
	JVMGeneration = "jvm_generation"
)

// currentName returns the present name of a series that may have been recorded under
// an earlier one.
func currentName(series string) string {
	switch series {
	case "firm":
		return Unreclaimable
	case "epoch":
		return JVMGeneration
	}
	return series
}

// Row names the series of a row.
func Row(row rows.Name) string { return "row/" + string(row) }

// Detail names the series of a detail of a row.
func Detail(row rows.Name, detail string) string {
	return "detail/" + string(row) + "/" + detail
}

// Used names the series of a row's used bytes, as HotSpot reports them.
func Used(row rows.Name) string { return "used/" + string(row) }

// Committed names the series of a row's committed bytes, as HotSpot reports them.
func Committed(row rows.Name) string { return "committed/" + string(row) }

// Prefixes of series whose names are found at run time.
const (
	PrefixNMT     = "nmt/"     // HotSpot's malloc by category
	PrefixPool    = "pool/"    // threads by pool
	PrefixProcess = "process/" // private memory of all processes with the same command
)

// OfJVM names the series of one of several JVMs in a container.
func OfJVM(pid int, series string) string { return fmt.Sprintf("jvm/%d/%s", pid, series) }

const (
	// maxPools and maxProcesses are how many of a sample are kept.
	maxPools, maxProcesses = 10, 4
	// maxJVMs is how many of several JVMs have series of their own, which samples have and light
	// readings have not.
	maxJVMs = 3
	// maxName bounds names that the container's processes choose.
	maxName = 64
	// maxSeries bounds the series of a container. With one JVM up to 94 may be
	// there: the last category of HotSpot's malloc is then left out, with several JVMs more of these.
	maxSeries = 93
)

// sample has the values of a container at one time, the most important ones first: there
// may be no room for the last ones.
type sample struct {
	names  []string
	values []int64
}

func (s *sample) add(name string, value *int64) {
	if value != nil && *value != Unknown && len(name) < 2*maxName {
		s.names, s.values = append(s.names, name), append(s.values, *value)
	}
}

// sampleOf returns the values of a breakdown that are kept.
func sampleOf(c *breakdown.Container) sample {
	var s sample
	for name, value := range map[string]*int64{
		Usage: c.UsageBytes, WorkingSet: c.WorkingSetBytes, Reclaimable: c.ReclaimableBytes,
		Limit: c.LimitBytes, Swap: c.SwapBytes, OOMKills: c.OOMKills, RefaultBytes: c.RefaultBytes, MajorFaults: c.MajorFaults, StalledMillis: millis(c.StalledSeconds),
	} {
		s.add(name, value)
	}
	s.add(Unreclaimable, rows.Unreclaimable(c.UsageBytes, c.ReclaimableBytes))
	for i := range c.Memory {
		row := &c.Memory[i]
		s.add(Row(row.Name), row.Bytes)
		s.add(Used(row.Name), row.UsedBytes)
		s.add(Committed(row.Name), row.CommittedBytes)
	}
	s.add(Row(rows.Unattributed), c.UnattributedBytes)
	s.addJVMs(c.JVMs)
	if len(c.JVMs) > 1 {
		s.addEach(c.JVMs)
	}
	for i := range c.Memory {
		row := &c.Memory[i]
		if row.Name == rows.OtherProcesses {
			for _, d := range row.Detail[:min(len(row.Detail), maxProcesses)] {
				s.add(PrefixProcess+cut(d.Name), d.Bytes)
			}
			continue
		}
		for _, d := range row.Detail {
			s.add(Detail(row.Name, d.Name), d.Bytes)
			if d.Name == rows.JVMInternal {
				for _, category := range d.Detail {
					s.add(PrefixNMT+category.Name, category.Bytes)
				}
			}
		}
	}
	return s
}

// addJVMs adds the sums over the JVMs. A count that one of them does not report is
// unknown.
func (s *sample) addJVMs(jvms []breakdown.JVM) {
	var threads, generation int64
	classes, old, collections, cpu, gc, gcCPU := new(int64(0)), new(int64(0)), new(int64(0)), new(0.0), new(0.0), new(0.0)
	unanswered := new(int64(0))
	pools := make(map[string]int64)
	for i := range jvms {
		j := &jvms[i]
		threads += int64(j.Threads.Live)
		generation = generation*31 + int64(j.StartTicks&(1<<48-1)) ^ int64(j.PID)
		classes = plus(classes, j.LoadedClasses)
		cpu, gc = plus(cpu, j.CPUSeconds), plus(gc, j.CollectionSeconds)
		gcCPU = plus(gcCPU, j.CollectionCPUSeconds)
		if j.Responded == nil {
			unanswered = nil
		} else if !*j.Responded {
			unanswered = plus(unanswered, new(int64(1)))
		}
		if j.OldGeneration == nil {
			old, collections = nil, nil
		} else {
			old, collections = plus(old, &j.OldGeneration.UsedBytes), plus(collections, j.OldGeneration.Collections)
		}
		for _, p := range j.Threads.Pools {
			pools[cut(p.Name)] += int64(p.Count)
		}
	}
	s.add(Threads, &threads)
	s.add(JVMGeneration, new(generation&(1<<52-1))) // exact in JSON everywhere
	s.add(Classes, classes)
	s.add(OldUsed, old)
	s.add(OldCollections, collections)
	s.add(CPUMillis, millis(cpu))
	s.add(GCMillis, millis(gc))
	s.add(GCCPUMillis, millis(gcCPU))
	s.add(Unanswered, unanswered)
	names := make([]string, 0, len(pools))
	for name := range pools {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(pools[b], pools[a]), strings.Compare(a, b))
	})
	for _, name := range names[:min(len(names), maxPools)] {
		s.add(PrefixPool+name, new(pools[name]))
	}
}

// addEach adds what is needed to size the heap of each of several JVMs.
func (s *sample) addEach(jvms []breakdown.JVM) {
	for i := range jvms[:min(len(jvms), maxJVMs)] {
		j := &jvms[i]
		if h := j.Heap; h != nil {
			s.add(OfJVM(j.PID, Used(rows.Heap)), h.UsedBytes)
			s.add(OfJVM(j.PID, Committed(rows.Heap)), h.CommittedBytes)
		}
		if old := j.OldGeneration; old != nil {
			s.add(OfJVM(j.PID, OldUsed), &old.UsedBytes)
			s.add(OfJVM(j.PID, OldCollections), old.Collections)
		}
		s.add(OfJVM(j.PID, CPUMillis), millis(j.CPUSeconds))
		s.add(OfJVM(j.PID, GCMillis), millis(j.CollectionSeconds))
	}
}

func millis(seconds *float64) *int64 {
	if seconds == nil {
		return nil
	}
	return new(int64(1000 * *seconds))
}

func plus[T int64 | float64](sum, n *T) *T {
	if sum == nil || n == nil {
		return nil
	}
	return new(*sum + *n)
}

func cut(name string) string { return name[:min(len(name), maxName)] }
