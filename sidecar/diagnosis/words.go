package diagnosis

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
)

// unit is what a series counts.
type unit struct {
	text func(float64) string
	many float64 // in an hour
}

func inBytes() unit { return unit{bytesText, 1 << 30} }

func inPieces() unit { return unit{func(n float64) string { return fmt.Sprintf("%.0f", n) }, 3600} }

func bytesText(bytes float64) string { return breakdown.Size(new(int64(bytes))) }

// text tells the first and the last value, and the rate.
func (t *trend) text(u unit) string {
	return fmt.Sprintf("%s → %s in %s (%s)", u.text(t.floors[0].value), u.text(t.last), spanText(time.Duration(t.to-t.from)*time.Millisecond), rateText(t.rate, u))
}

// rateText tells a rate by the hour, or by the minute where there are many.
func rateText(perHour float64, u unit) string {
	if math.Abs(perHour) >= u.many {
		return signed(perHour/60, u) + " a minute"
	}
	return signed(perHour, u) + " an hour"
}

func signed(n float64, u unit) string {
	if n < 0 {
		return "-" + u.text(-n)
	}
	return "+" + u.text(n)
}

// grew tells how a series in bytes developed.
func grew(series string, t trend) string {
	if len(t.floors) == 0 {
		return seriesText(series) + ": not known"
	}
	return seriesText(series) + ": " + t.text(inBytes())
}

// counted tells how a number developed.
func counted(what string, t trend) string {
	return what + ": " + t.text(inPieces())
}

// seriesText is the name of a series as it stands in a breakdown.
func seriesText(series string) string {
	if series == history.Firm {
		return "what the kernel cannot reclaim"
	}
	name := series
	for _, prefix := range []string{"row/", "detail/", history.PrefixProcess} {
		name = strings.TrimPrefix(name, prefix)
	}
	if category, ok := strings.CutPrefix(name, history.PrefixNMT); ok {
		return "HotSpot's category " + category
	}
	return strings.ReplaceAll(name, "/", ": ")
}

// spanText writes a time for people: two units at most.
func spanText(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

func seconds(s float64) string {
	return spanText(time.Duration(min(s, maxSeconds) * float64(time.Second)))
}

// phrases say in a sentence what is the matter.
var phrases = map[Verdict]string{
	Threads:            "threads leak",
	ClassLoader:        "classes are loaded and not unloaded (class loader leak)",
	Heap:               "the Java heap leaks: what survives collections grows",
	DirectBuffers:      "direct buffers (or Unsafe memory) leak",
	NativeUntracked:    "native code leaks: malloc or mmap that neither the JVM nor its direct buffers account for",
	AllocatorRetention: "glibc keeps memory that was freed",
	CodeCache:          "the code cache grows",
	GC:                 "the collector's own tables grow",
	JVMInternal:        "HotSpot's own memory grows",
	MappedFiles:        "mapped files grow",
	Shmem:              "files in memory (tmpfs, /dev/shm) grow",
	Kernel:             "kernel memory on behalf of the container grows",
	OtherProcess:       "another process in the container grows",
	Unexplained:        "memory grows, but in no row that is known",
	Budget:             "the JVM's settings do not fit the limit",
	PageCache:          "usage is near the limit, and harmless: it is page cache",
	None:               "nothing grows that does not stop",
}

// Phrase says in a few words what a verdict means.
func Phrase(v Verdict) string { return phrases[v] }

// summary is the sentence for a log line.
func (j *judge) summary(d *Diagnosis) string {
	if d.Verdict == NotEnoughHistory {
		text := fmt.Sprintf("not enough history: %d of %d samples since the JVM started", j.samples, minSamples)
		for i := range d.Findings {
			text += "; " + phrases[d.Findings[i].Verdict] + " (" + d.Findings[i].Evidence[0] + ")"
		}
		return text
	}
	var b strings.Builder
	if d.Verdict == None && d.Growth != nil {
		b.WriteString("memory grows, but not (yet) in a way that names a cause")
	} else {
		b.WriteString(phrases[d.Verdict])
	}
	if d.Subject != "" {
		b.WriteString(" (" + d.Subject + ")")
	}
	if len(d.Findings) > 0 {
		first := &d.Findings[0]
		if first.Rate != nil {
			b.WriteString(", " + rateText(float64(first.Rate.BytesPerHour), inBytes()))
		}
		if first.Share != nil && first.Verdict.Leak() {
			fmt.Fprintf(&b, ", %.0f %% of the growth", 100**first.Share)
		}
		if !first.Verdict.Leak() {
			b.WriteString(": " + first.Evidence[0])
		}
	}
	if d.Growth != nil && !d.Verdict.Leak() {
		b.WriteString("; what cannot be reclaimed grows: " + rateText(float64(d.Growth.BytesPerHour), inBytes()))
	}
	if f := d.Forecast; f != nil {
		what := "the limit is reached, and the kernel kills,"
		if f.Reached == HeapLimit {
			what = "the heap is full, and the JVM throws OutOfMemoryError,"
		}
		b.WriteString("; " + what + " " + f.text())
	}
	return b.String()
}

// text says when, and between which times if that is not the same.
func (f *Forecast) text() string {
	in, low, high := seconds(f.Seconds), seconds(f.LowSeconds), seconds(f.HighSeconds)
	switch {
	case f.Seconds < 1:
		return "any moment"
	case low == high:
		return "in " + in
	}
	return "in " + in + " (" + low + " to " + high + ")"
}

// nmtHint is for a JVM that does not say who mallocs.
const nmtHint = "start the JVM with -XX:NativeMemoryTracking=summary (JDK_JAVA_OPTIONS on 11 and newer): then direct buffers, HotSpot's own and other malloc are told apart"

// Next says what to do about a verdict, the first thing first.
func Next(v Verdict, subject string) []string {
	switch v {
	case Threads:
		return []string{
			"find who starts the threads " + subject + " and never ends them: an executor made for each request or reconnect and not shut down is the usual cause",
			fmt.Sprintf("jcmd <pid> Thread.print | grep -A 15 '%s'", strings.TrimSuffix(subject, "#")),
		}
	case ClassLoader:
		return []string{
			"jcmd <pid> VM.classloader_stats, twice: the type of loader whose number grows names the framework (redeploy, scripting, proxies, serializers)",
			"start with -Xlog:class+unload to see whether any are unloaded; -XX:MaxMetaspaceSize turns the kill into an OutOfMemoryError with a heap dump",
		}
	case Heap:
		return []string{
			"jcmd <pid> GC.heap_dump /path/outside/the/container.hprof (it stops the JVM and needs room), and look for what holds most",
			"or jvmem serve --evidence=heap: a class histogram with the next verdict (it stops the JVM, too)",
			"until then -XX:+ExitOnOutOfMemoryError restarts cleanly",
		}
	case DirectBuffers:
		return []string{
			"look for buffers that are allocated for each request and held (Netty: -Dio.netty.leakDetection.level=paranoid; NIO caches one for each thread: -Djdk.nio.maxCachedBufferSize=262144)",
			"-XX:MaxDirectMemorySize makes it an OutOfMemoryError with a stack instead of a kill",
		}
	case NativeUntracked:
		steps := []string{
			"look for JNI libraries, Inflater, Deflater or GZIP streams without end() or close(), and native image, compression or crypto code",
			"run with jemalloc (LD_PRELOAD, MALLOC_CONF=prof:true,lg_prof_interval:30) to see who mallocs",
		}
		if subject != "" {
			steps = append([]string{nmtHint}, steps...)
		}
		return steps
	case AllocatorRetention:
		return []string{
			"set MALLOC_ARENA_MAX=2 in the container's environment, or use jemalloc (LD_PRELOAD)",
			"jcmd <pid> System.trim_native_heap (JDK 17 and newer) gives it back at once: if usage falls, it was this",
		}
	case CodeCache:
		return []string{"set -XX:ReservedCodeCacheSize to what fits; look for code that generates classes or lambdas without end (jcmd <pid> Compiler.codecache)"}
	case GC:
		return []string{"the collector's tables follow the heap's references: look at the heap; ParallelGC and SerialGC need less of it"}
	case JVMInternal:
		return []string{
			"jcmd <pid> VM.native_memory baseline, later VM.native_memory summary.diff, and search the JDK's bugs for the category " + subject,
			"update the JDK to its latest patch release",
		}
	case MappedFiles:
		return []string{"look for files that are mapped and not unmapped (FileChannel.map is undone by the collector only): /proc/<pid>/maps names them"}
	case Shmem:
		return []string{"look at what is written to tmpfs: kubectl exec <pod> -- du -sh /dev/shm /tmp; an emptyDir with medium: Memory counts here, too, and needs a sizeLimit"}
	case Kernel:
		return nextKernel(subject)
	case OtherProcess:
		return []string{"the process is not the JVM: ps in the container; a child that is started and never ends belongs to who starts it (ProcessBuilder)"}
	case Unexplained:
		return []string{"see the sources of /breakdown for what is missing and its fix: with all rows known, this has a name"}
	}
	return nil
}

func nextKernel(kind string) []string {
	switch kind {
	case "stacks", "page_tables":
		return []string{"it follows the number of threads and the size of what is mapped: look at the threads"}
	case "sockets":
		return []string{"look for connections whose peer does not read: ss -tm in the pod shows full buffers"}
	case "slab":
		return []string{"slab is mostly dentries and inodes of files that are looked up (the kernel frees them under pressure), pipes and sockets: look at the number of open descriptors (ls /proc/<pid>/fd | wc -l)"}
	}
	return []string{"look at the number of open descriptors (ls /proc/<pid>/fd | wc -l), at pipes and sockets with full buffers, and at the number of files that are looked up"}
}
