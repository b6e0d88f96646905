package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// HistogramHint is advice that is left out where it was followed.
const HistogramHint = "or run jvmem serve --evidence=heap: the next heap verdict comes with a class histogram (stops the JVM)"

// adviser gives advice that fits a JVM.
type adviser struct{ j *breakdown.JVM }

// Next returns what to do about a verdict, the first step first. Commands are between
// backquotes and work as they are: they have the JVM's PID, in its container, and the
// spelling of its version. Settings that the JVM has already are left out. Nil: no JVM is
// known.
func Next(v rows.Verdict, subject string, j *breakdown.JVM) []string {
	a := adviser{j}
	switch v {
	case rows.VerdictThreads:
		return a.threads(subject)
	case rows.VerdictClassLoader:
		return a.when("MaxMetaspaceSize", []string{
			"run " + a.jcmd("VM.classloader_stats") + " twice: the loader type whose number grows identifies the framework (redeploy, scripting, proxies, serializers)",
			a.unloading(),
		}, "-XX:MaxMetaspaceSize causes an OutOfMemoryError instead of an OOM kill")
	case rows.VerdictHeap:
		return a.when("ExitOnOutOfMemoryError", []string{
			a.heapDump() + ", then open the dominator tree", HistogramHint,
		}, "until it is fixed, -XX:+ExitOnOutOfMemoryError restarts the JVM cleanly")
	case rows.VerdictDirectBuffers:
		return a.when("MaxDirectMemorySize", []string{
			"look for buffers that are allocated for each request and never released " +
				"(Netty: -Dio.netty.leakDetection.level=paranoid, which is slow; NIO caches a buffer per thread: -Djdk.nio.maxCachedBufferSize=262144)",
		}, "-XX:MaxDirectMemorySize causes an OutOfMemoryError with a stack trace instead of an OOM kill")
	case rows.VerdictNativeUntracked:
		steps := []string{
			"look for JNI libraries, for Inflater, Deflater and GZIP streams without end() or close(), and for native code of images, compression or cryptography",
			"run with jemalloc, built with profiling (LD_PRELOAD, MALLOC_CONF=prof:true,lg_prof_interval:30), to see the call stacks that allocate",
		}
		if subject == "" || a.tracked() {
			return steps
		}
		return append([]string{a.track()}, steps...)
	case rows.VerdictAllocatorRetention:
		return a.retention()
	case rows.VerdictCodeCache:
		steps := []string{"set -XX:ReservedCodeCacheSize to a size that fits the limit", "look for code that generates classes or lambdas continuously"}
		if a.major() >= 9 {
			steps[1] += ": " + a.jcmd("Compiler.codecache") + " shows what it fills"
		}
		return steps
	case rows.VerdictGC:
		return []string{"these structures grow with the heap and its references: look at the heap; ParallelGC and SerialGC need less of them"}
	case rows.VerdictJVMInternal:
		steps := []string{"update the JDK to its latest patch release, and search its bugs for the NMT category " + subject}
		if a.tracked() {
			steps = append([]string{"run " + a.jcmd("VM.native_memory baseline") + ", some minutes later " + a.jcmd("VM.native_memory summary.diff")}, steps...)
		}
		return steps
	case rows.VerdictMappedFiles:
		return []string{"look for files that are mapped and never unmapped (only the garbage collector undoes FileChannel.map): " +
			"`grep ' /' /proc/" + a.pid() + "/maps` lists them"}
	case rows.VerdictShmem:
		return []string{"look at the files on tmpfs: `du -sh /dev/shm /tmp` in the container; an emptyDir with medium: Memory is charged here too, set its sizeLimit"}
	case rows.VerdictKernel:
		return a.kernel(subject)
	case rows.VerdictOtherProcess:
		return []string{"list the processes of the container (`ps`): look for child processes that are started with ProcessBuilder and never end"}
	case rows.VerdictUnexplained:
		return []string{"see the sources of /breakdown for what is missing and how to enable it"}
	}
	return nil
}

// noPID stands for the PID of a JVM that is not known, or that ended.
const noPID = "<pid>"

// WithoutPID is advice for the JVM that comes after one that ended.
func WithoutPID(steps []string, j *breakdown.JVM) []string {
	pid := adviser{j}.pid()
	out := slices.Clone(steps)
	for i := range out {
		out[i] = strings.ReplaceAll(strings.ReplaceAll(out[i], "jcmd "+pid+" ", "jcmd "+noPID+" "), "/proc/"+pid+"/", "/proc/"+noPID+"/")
	}
	return out
}

// jcmdBytes is what jcmd takes of the container's memory: it is a JVM.
const jcmdBytes = 64 << 20

// warned adds to advice what its commands may cause.
func (j *judge) warned(steps []string) []string {
	room := j.room()
	if room < jcmdBytes && slices.ContainsFunc(steps, func(s string) bool { return strings.Contains(s, "`jcmd ") }) {
		steps = append(steps, "mind that jcmd takes some 50 MiB in the container itself, and the limit leaves "+bytesText(room))
		if slices.ContainsFunc(steps, func(s string) bool { return strings.Contains(s, " Thread.print") }) {
			steps[len(steps)-1] += ": `kill -QUIT " + adviser{j.onlyJVM()}.pid() + "` prints the stacks to the JVM's output without it"
		}
	}
	return steps
}

func (a adviser) pid() string {
	if a.j == nil || a.j.PID == 0 {
		return noPID
	}
	return strconv.Itoa(cmp.Or(a.j.NSPID, a.j.PID))
}

func (a adviser) jcmd(command string) string { return "`jcmd " + a.pid() + " " + command + "`" }

// collect says how a collection of the old generation comes.
func (a adviser) collect() []string {
	return []string{
		"wait: the JVM collects its old generation when it fills",
		"or run " + a.jcmd("GC.run") + " if the JVM may stop for a full collection, the longer the more it holds (not with -XX:+DisableExplicitGC): what it leaves is in use",
	}
}

func (a adviser) heapDump() string {
	return "run " + a.jcmd("GC.heap_dump /tmp/heap.hprof") + " (stops the JVM and writes up to the size of the heap; another folder if /tmp is in memory)"
}

// track says how to start Native Memory Tracking.
func (a adviser) track() string {
	where := " (in JDK_JAVA_OPTIONS on JDK 9 and newer)"
	switch m := a.major(); {
	case m >= 9:
		where = ", in JDK_JAVA_OPTIONS for instance"
	case m > 0: // the variable of JDK 8 is read too late
		where = " on its command line"
	}
	return "start the JVM with -XX:NativeMemoryTracking=summary" + where + ": it separates direct buffers, HotSpot's own memory and other malloc"
}

// unloading says how to log which classes are unloaded.
func (a adviser) unloading() string {
	if m := a.major(); m == 0 || m >= 9 {
		return "run " + a.jcmd("VM.log what=class+unload=info") + ": the JVM then logs which classes are unloaded (JDK 9 and newer)"
	}
	return "start the JVM with -XX:+TraceClassUnloading: it logs which classes are unloaded"
}

func (a adviser) tracked() bool { return a.j != nil && a.j.NMT != "" && a.j.NMT != "off" }

// when adds a step unless the JVM has that flag set.
func (a adviser) when(flag string, steps []string, step string) []string {
	if n, isNumber := number(a.flag(flag)); isNumber && n > 0 || a.flag(flag) == true {
		return steps
	}
	return append(steps, step)
}

func (a adviser) threads(pool string) []string {
	if pool == "" {
		return []string{"run " + a.jcmd("Thread.print") + ": look for the thread names that repeat"}
	}
	return []string{
		"find out why the threads " + pool + " never end: usually they are of an executor that is created per request or reconnect and not shut down",
		"run " + a.jcmd("Thread.print | grep -F -A 15 '"+quoted(pool)+"'") + " to see what they do",
	}
}

// quoted returns the start of the names of a pool as Thread.print has them, "#" stands for
// numbers. Of a name that a shell would not take literally it is a part.
func quoted(pool string) string {
	safe := func(r rune) bool {
		return r != '#' && r != '\'' && r != '`' && r >= ' ' && r != 0x7f
	}
	end := strings.IndexFunc(pool, func(r rune) bool { return !safe(r) })
	if end < 0 {
		end = len(pool)
	}
	head, _, _ := strings.Cut(pool[:end], "..") // JDK 26 and newer abbreviate
	return `"` + head
}

// trimInterval is the setting that returns what glibc retains.
const trimInterval = "TrimNativeHeapInterval"

func (a adviser) retention() []string {
	var steps []string
	if a.since(11, 18) || a.since(17, 3) || a.major() == 0 || a.major() >= 18 {
		steps = append(steps, "run "+a.jcmd("System.trim_native_heap")+": it returns this memory at once, and if usage falls, this was the cause")
	}
	const instead = "use jemalloc (LD_PRELOAD), or set MALLOC_ARENA_MAX=2 in the container's environment: fewer arenas retain less, but that does not always help"
	n, _ := number(a.flag(trimInterval))
	trims := "-XX:" + trimInterval + "=60000"
	switch {
	case n > 0:
		return append(steps, "the JVM returns freed memory each "+strconv.Itoa(int(n)/1000)+" s already (-XX:"+trimInterval+"): set less", instead)
	case a.major() >= 23:
		steps = append(steps, "start the JVM with "+trims+": it returns freed memory each minute")
	case a.major() == 22, a.since(21, 1), a.since(17, 9): // JDK-8293114; before JDK-8325496 it is experimental
		steps = append(steps, "start the JVM with -XX:+UnlockExperimentalVMOptions "+trims+": it returns freed memory each minute")
	case a.major() == 0:
		steps = append(steps, "start the JVM with -XX:+UnlockExperimentalVMOptions "+trims+" (JDK 22 and newer, from 21.0.1, from 17.0.9): it returns freed memory each minute")
	default:
		steps = append(steps, "update to JDK 17.0.9, 21.0.1 or newer: with -XX:+UnlockExperimentalVMOptions "+trims+" it returns freed memory each minute")
	}
	return append(steps, "or "+instead)
}

func (a adviser) flag(name string) any {
	if a.j == nil {
		return nil
	}
	return a.j.Flags[name]
}

// since reports whether it is this feature version, with this update or a newer one.
func (a adviser) since(feature, update int) bool {
	if a.major() != feature {
		return false
	}
	var numbers [3]int
	_, _ = fmt.Sscanf(a.j.Version, "%d.%d.%d", &numbers[0], &numbers[1], &numbers[2]) // what is missing is 0
	return numbers[2] >= update
}

// major is the JVM's feature version; 0 if it is not known.
func (a adviser) major() int {
	if a.j == nil {
		return 0
	}
	version := strings.TrimPrefix(a.j.Version, "1.")
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	n, _ := strconv.Atoi(version[:end])
	return n
}

func (a adviser) kernel(kind string) []string {
	descriptors := "`ls /proc/" + a.pid() + "/fd | wc -l`"
	switch kind {
	case rows.KernelStacks, rows.PageTables:
		return []string{"it grows with the number of threads and the size of mapped memory: look at the threads"}
	case rows.Sockets:
		return []string{"look for connections whose peer does not read: `ss -tm` in the pod shows full buffers"}
	case rows.Slab:
		return []string{"slab is mostly dentries and inodes of files that were looked up (reclaimed under pressure), pipes and sockets: " +
			"count the open descriptors (" + descriptors + ")"}
	}
	return []string{"count the open descriptors (" + descriptors + "); look for pipes and sockets with full buffers, and for many files that are looked up"}
}
