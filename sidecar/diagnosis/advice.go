package diagnosis

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// nmtHint is for a JVM without Native Memory Tracking.
const nmtHint = "start the JVM with -XX:NativeMemoryTracking=summary (in JDK_JAVA_OPTIONS on JDK 11 and newer): " +
	"it separates direct buffers, HotSpot's own memory and other malloc"

// adviser gives advice that fits a JVM.
type adviser struct{ j *breakdown.JVM }

// Next returns what to do about a verdict, the first step first. Commands have the
// JVM's PID, and settings that the JVM has already are left out. Nil: no JVM is known.
func Next(v rows.Verdict, subject string, j *breakdown.JVM) []string {
	a := adviser{j}
	switch v {
	case rows.VerdictThreads:
		return a.threads(subject)
	case rows.VerdictClassLoader:
		return a.when("MaxMetaspaceSize", []string{
			a.jcmd("VM.classloader_stats") + ", twice: the loader type whose number grows identifies the framework (redeploy, scripting, proxies, serializers)",
			"start the JVM with -Xlog:class+unload (JDK 8: -XX:+TraceClassUnloading) to see which classes are unloaded",
		}, "-XX:MaxMetaspaceSize causes an OutOfMemoryError instead of an OOM kill")
	case rows.VerdictHeap:
		return a.when("ExitOnOutOfMemoryError", []string{
			a.jcmd("GC.heap_dump /path/on/a/volume/heap.hprof") + " (stops the JVM, needs disk space), then open the dominator tree",
			"or run jvmem serve --evidence=heap: the next heap verdict comes with a class histogram (stops the JVM)",
		}, "until it is fixed, -XX:+ExitOnOutOfMemoryError restarts the JVM cleanly")
	case rows.VerdictDirectBuffers:
		return a.when("MaxDirectMemorySize", []string{
			"look for buffers that are allocated for each request and never released " +
				"(Netty: -Dio.netty.leakDetection.level=paranoid; NIO caches a buffer per thread: -Djdk.nio.maxCachedBufferSize=262144)",
		}, "-XX:MaxDirectMemorySize causes an OutOfMemoryError with a stack trace instead of an OOM kill")
	case rows.VerdictNativeUntracked:
		steps := []string{
			"look for JNI libraries, Inflater, Deflater and GZIP streams without end() or close(), and native image, compression or cryptography code",
			"run with jemalloc (LD_PRELOAD, MALLOC_CONF=prof:true,lg_prof_interval:30) to see the call stacks that allocate",
		}
		if subject == "" || a.tracked() {
			return steps
		}
		return append([]string{nmtHint}, steps...)
	case rows.VerdictAllocatorRetention:
		return a.retention()
	case rows.VerdictCodeCache:
		return []string{
			"set -XX:ReservedCodeCacheSize to a size that fits the limit",
			"look for code that generates classes or lambdas continuously: " + a.jcmd("Compiler.codecache"),
		}
	case rows.VerdictGC:
		return []string{"these structures grow with the heap and its references: look at the heap; ParallelGC and SerialGC need less of them"}
	case rows.VerdictJVMInternal:
		steps := []string{"update the JDK to its latest patch release, and search its bugs for the NMT category " + subject}
		if a.tracked() {
			steps = append([]string{a.jcmd("VM.native_memory baseline") + ", later " + a.jcmd("VM.native_memory summary.diff")}, steps...)
		}
		return steps
	case rows.VerdictMappedFiles:
		return []string{"look for files that are mapped and never unmapped (only the garbage collector undoes FileChannel.map): " +
			"grep -v ' 0 *$' /proc/" + a.pid() + "/maps lists them"}
	case rows.VerdictShmem:
		return []string{"look at the files on tmpfs: du -sh /dev/shm /tmp in the container; an emptyDir with medium: Memory is charged here too, set its sizeLimit"}
	case rows.VerdictKernel:
		return a.kernel(subject)
	case rows.VerdictOtherProcess:
		return []string{"list the processes of the container (ps): look for child processes that are started with ProcessBuilder and never end"}
	case rows.VerdictUnexplained:
		return []string{"see the sources of /breakdown for what is missing and how to enable it"}
	}
	return nil
}

func (a adviser) pid() string {
	if a.j == nil || a.j.PID == 0 {
		return "<pid>"
	}
	return strconv.Itoa(cmp.Or(a.j.NSPID, a.j.PID))
}

func (a adviser) jcmd(command string) string { return "jcmd " + a.pid() + " " + command }

func (a adviser) tracked() bool { return a.j != nil && a.j.NMT != "" && a.j.NMT != "off" }

// when adds a step unless the JVM has that flag set.
func (a adviser) when(flag string, steps []string, step string) []string {
	if a.j != nil {
		switch n, isNumber := number(a.j.Flags[flag]); {
		case isNumber && n > 0, a.j.Flags[flag] == true:
			return steps
		}
	}
	return append(steps, step)
}

func (a adviser) threads(pool string) []string {
	if pool == "" {
		return []string{a.jcmd("Thread.print") + ": look for the thread names that repeat"}
	}
	// Names in /proc are cut at 15 characters, and # stands for numbers in them.
	constant, _, _ := strings.Cut(pool, "#")
	return []string{
		"find the code that starts the threads " + pool + " and never ends them: usually an executor that is created per request or reconnect and not shut down",
		fmt.Sprintf("%s | grep -A 15 '^\"%s'", a.jcmd("Thread.print"), constant),
	}
}

func (a adviser) retention() []string {
	steps := []string{
		"-XX:TrimNativeHeapInterval=60000 makes the JVM return freed memory each minute (JDK 22, and updates of 21 and 17; " +
			"before JDK-8325496 it needs -XX:+UnlockExperimentalVMOptions)",
		"or set MALLOC_ARENA_MAX=2 in the container's environment (this does not always help), or use jemalloc (LD_PRELOAD)",
	}
	if m := a.major(); m == 0 || m >= 17 {
		steps = append([]string{a.jcmd("System.trim_native_heap") + " (JDK 17 and newer) returns it at once: if usage falls, this was the cause"}, steps...)
	}
	return steps
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
	descriptors := "ls /proc/" + a.pid() + "/fd | wc -l"
	switch kind {
	case rows.KernelStacks, rows.PageTables:
		return []string{"it grows with the number of threads and the size of mapped memory: look at the threads"}
	case rows.Sockets:
		return []string{"look for connections whose peer does not read: ss -tm in the pod shows full buffers"}
	case rows.Slab:
		return []string{"slab is mostly dentries and inodes of files that were looked up (reclaimed under pressure), pipes and sockets: " +
			"count the open descriptors (" + descriptors + ")"}
	}
	return []string{"count the open descriptors (" + descriptors + "); look for pipes and sockets with full buffers, and for many files that are looked up"}
}
