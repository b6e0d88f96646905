package hsperf

import (
	"fmt"
	"strings"
	"time"
)

// Summary is the counters about memory. A field is nil (a text is empty) if the JVM
// does not have its counters.
type Summary struct {
	// VMName, VMVersion and JavaVersion as the system properties java.vm.name,
	// java.vm.version and java.version: "OpenJDK 64-Bit Server VM",
	// "17.0.21+1", "17.0.21". JDK 8's VM version is "25.<update>-b<build>".
	VMName, VMVersion, JavaVersion string

	// GC is "Serial", "Parallel", "CMS", "G1", "Shenandoah", "ZGC", "Epsilon", or the
	// policy's own name if it is unknown here.
	GC string

	// Generations that exist: 0 is young, 1 is old or all of the heap. Those
	// without spaces (young of Shenandoah) are left out.
	Generations []Generation

	// Metaspace includes the class space.
	Metaspace, ClassSpace Space

	// Threads are Java threads, without those of the VM itself (collector, compiler and
	// so on) and without virtual threads.
	ThreadsLive, ThreadsDaemon, ThreadsPeak, ThreadsStarted *int64

	// ClassesLoaded and ClassesUnloaded since the start, with those from a CDS archive.
	// Currently loaded is their difference.
	ClassesLoaded, ClassesUnloaded *int64

	// Collectors in the order of their numbers.
	Collectors []Collector

	// CollectionCPU is the CPU time of the collector's threads, also of those that work beside the
	// application, as of the last collection; nil: unknown (only G1 and Parallel count it, of JDKs newer than 21).
	CollectionCPU *time.Duration

	// Started is when the VM was created, by the wall clock, to the millisecond; nil:
	// unknown.
	Started *time.Time

	// Uptime is the age of the VM at the last update of sun.os.hrt.ticks (every 50 ms);
	// nil from JDK 25 on, which has no such counter.
	Uptime *time.Duration
}

// Space is a part of the heap or of metaspace.
type Space struct {
	// Name is the VM's: "eden", "s0", "old", ...; empty for metaspace.
	Name string

	// UsedBytes is used by objects or metadata (see the package for when it is
	// updated), CapacityBytes is committed, MaxBytes is the maximum (reserved for
	// metaspace).
	UsedBytes, CapacityBytes, MaxBytes *int64
}

// Generation is a part of the heap, and its spaces.
type Generation struct {
	// Space is the generation as a whole: used is the sum of its spaces.
	Space

	// Number is 0 or 1.
	Number int

	Spaces []Space
}

// Collector is the work of one collector since the start.
type Collector struct {
	// Number is 0 for collections of the young generation alone; the others also
	// collect the old generation, or are phases of that.
	Number int
	Name   string

	// Invocations is nil if unknown.
	Invocations *int64

	// Time is the time spent: in pauses for most collectors, only in pauses of the
	// cycle for ZGC and Shenandoah. nil: unknown.
	Time *time.Duration
}

// HeapUsedBytes is the sum over the generations; nil if one is unknown, or there is
// none.
func (s Summary) HeapUsedBytes() *int64 {
	return sumOf(s.Generations, func(g Generation) *int64 { return g.UsedBytes })
}

// HeapCapacityBytes is committed, summed over the generations; nil if one is unknown,
// or there is none.
func (s Summary) HeapCapacityBytes() *int64 {
	return sumOf(s.Generations, func(g Generation) *int64 { return g.CapacityBytes })
}

// OldGeneration is the generation of objects that survived, which is the whole heap
// where there is only one; nil if there is none.
func (s Summary) OldGeneration() *Generation {
	for i := range s.Generations {
		if s.Generations[i].Number == 1 {
			return &s.Generations[i]
		}
	}
	return nil
}

// WholeHeap reports whether OldGeneration is the whole heap.
func (s Summary) WholeHeap() bool { return len(s.Generations) == 1 && s.Generations[0].Number == 1 }

// OldCollections is the number of collections, or of their pauses, that included more
// than the young generation; nil: unknown.
func (s Summary) OldCollections() *int64 {
	var old []Collector
	for _, c := range s.Collectors {
		if c.Number > 0 {
			old = append(old, c)
		}
	}
	return sumOf(old, func(c Collector) *int64 { return c.Invocations })
}

// Collections is the number of collections, or of their pauses; nil: unknown.
func (s Summary) Collections() *int64 {
	return sumOf(s.Collectors, func(c Collector) *int64 { return c.Invocations })
}

// CollectionTime is the time spent in collections, as Collector.Time; nil: unknown.
func (s Summary) CollectionTime() *time.Duration {
	sum := sumOf(s.Collectors, func(c Collector) *int64 { return (*int64)(c.Time) })
	return (*time.Duration)(sum)
}

// Classes is the number of currently loaded classes; nil: unknown.
func (s Summary) Classes() *int64 {
	if s.ClassesLoaded == nil || s.ClassesUnloaded == nil {
		return nil
	}
	return new(*s.ClassesLoaded - *s.ClassesUnloaded)
}

// Summary returns the counters that jvmem uses.
func (d *Data) Summary() Summary {
	s := Summary{
		VMName:      d.strings["java.property.java.vm.name"],
		VMVersion:   d.strings["java.property.java.vm.version"],
		JavaVersion: d.strings["java.property.java.version"],
		Metaspace:   d.space("sun.gc.metaspace"),
		ClassSpace:  d.space("sun.gc.compressedclassspace"),

		ThreadsLive:    d.counter("java.threads.live"),
		ThreadsDaemon:  d.counter("java.threads.daemon"),
		ThreadsPeak:    d.counter("java.threads.livePeak"),
		ThreadsStarted: d.counter("java.threads.started"),

		ClassesLoaded:   d.sum(loadedNames[:]...),
		ClassesUnloaded: d.sum(unloadedNames[:]...),
	}
	for n := range 2 {
		if g, ok := d.generation(n); ok {
			s.Generations = append(s.Generations, g)
		}
	}
	s.Collectors = d.collectors()
	if d.counter(parallelCPU) != nil {
		s.CollectionCPU = (*time.Duration)(d.counter(collectionCPU))
	}
	s.GC = gcName(d.strings["sun.gc.policy.name"], s)
	s.Uptime = d.ticks("sun.os.hrt.ticks")
	if ms := d.counter("sun.rt.createVmBeginTime"); ms != nil && *ms > 0 {
		t := time.UnixMilli(*ms).UTC()
		s.Started = &t
	}
	return s
}

var (
	loadedNames   = [...]string{"java.cls.loadedClasses", "java.cls.sharedLoadedClasses"}
	unloadedNames = [...]string{"java.cls.unloadedClasses", "java.cls.sharedUnloadedClasses"}
)

// collectionCPU is in nanoseconds. Collectors without parallelCPU leave it at 0 (JDK 25), or have none.
const collectionCPU, parallelCPU = "sun.threads.total_gc_cpu_time", "sun.threads.cpu_time.gc_parallel_workers"

func (d *Data) collectors() (all []Collector) {
	for n := range 3 {
		prefix := fmt.Sprintf("sun.gc.collector.%d.", n)
		if name, ok := d.strings[prefix+"name"]; ok {
			all = append(all, Collector{n, name, d.counter(prefix + "invocations"), d.ticks(prefix + "time")})
		}
	}
	return all
}

func (d *Data) space(prefix string) Space {
	return Space{
		Name:          d.strings[prefix+".name"],
		UsedBytes:     d.counter(prefix + ".used"),
		CapacityBytes: d.counter(prefix + ".capacity"),
		MaxBytes:      d.counter(prefix + ".maxCapacity"),
	}
}

// maxSpaces is more than any generation has (eden and two survivors).
const maxSpaces = 8

func (d *Data) generation(n int) (Generation, bool) {
	prefix := fmt.Sprintf("sun.gc.generation.%d", n)
	g := Generation{Space: d.space(prefix), Number: n}
	for i := range maxSpaces {
		space := d.space(fmt.Sprintf("%s.space.%d", prefix, i))
		if space == (Space{}) {
			break
		}
		g.Spaces = append(g.Spaces, space)
	}
	g.UsedBytes = sumOf(g.Spaces, func(s Space) *int64 { return s.UsedBytes })
	return g, len(g.Spaces) > 0
}

// ticks returns a counter of the VM's clock as time; nil: unknown.
func (d *Data) ticks(name string) *time.Duration {
	v, hz := d.counter(name), d.counter("sun.os.hrt.frequency")
	if v == nil || hz == nil || *hz == 0 {
		return nil
	}
	seconds := float64(*v) / float64(*hz)
	if seconds > 1e9 {
		return nil
	}
	t := time.Duration(seconds * float64(time.Second))
	return &t
}

// gcName returns the collector: by its policy, which only older collectors have, else
// by the names of collectors and spaces.
func gcName(policy string, s Summary) string {
	switch policy {
	case "Copy:MSC":
		return "Serial"
	case "ParScav:MSC":
		return "Parallel"
	case "ParNew:CMS":
		return "CMS"
	case "GarbageFirst":
		return "G1"
	case "":
	default:
		return policy
	}
	for _, c := range s.Collectors {
		switch {
		case strings.HasPrefix(c.Name, "Shenandoah"):
			return "Shenandoah"
		case strings.HasPrefix(c.Name, "Z"):
			return "ZGC"
		}
	}
	if len(s.Collectors) == 0 && len(s.Generations) == 1 {
		switch s.Generations[0].Name {
		case "Heap":
			return "Epsilon"
		case "old": // ZGC of JDK 11
			return "ZGC"
		}
	}
	return ""
}

func sumOf[T any](parts []T, value func(T) *int64) *int64 {
	if len(parts) == 0 {
		return nil
	}
	var total int64
	for _, p := range parts {
		v := value(p)
		if v == nil || total+*v < total {
			return nil
		}
		total += *v
	}
	return &total
}
