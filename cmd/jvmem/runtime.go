package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm/pages"
)

const (
	// heapShare is how much of jvmem's own memory limit its heap may take. The rest is for
	// what the Go runtime does not count, and for the kernel.
	heapShare = 0.7
	// heapGrowth is GOGC. A live heap of some MiB, as with a day of history, grows by less: by
	// heapGarbage, which is ten samples. With little history it decides where the heap is collected:
	// at 2.4 MiB. At 1.6 (40 %) a sample takes 12 % more CPU time; Go's 100 % takes 1.6 MiB more
	// memory and is hardly faster.
	heapGrowth  = 60
	heapGarbage = 1 << 20
	// maxCores is GOMAXPROCS: one samples while the other answers requests and reads what is
	// left of a JVM that was killed (see docs/performance.md). On a large node
	// a higher value means a cache for each, and threads that search for work.
	maxCores = 2
	// releaseHeapEvery is the time between two releases of the heap, which take some ms of CPU.
	releaseHeapEvery = 2 * time.Minute
	// releaseProgramEvery is that of the program file. One takes less than a ms, with the faults that
	// follow.
	releaseProgramEvery = 30 * time.Second
	// piecePages of the program file are a mapping: without, 8.4 MB of its 11 are resident at short
	// intervals, and 6.6 with.
	piecePages = 4
	// timerSlack is by how much a timer of the kernel may be late.
	timerSlack = time.Millisecond
	// coarseTimers is the environment variable that tells the program that it replaced itself.
	coarseTimers = "JVMEM_COARSE_TIMERS"
)

// coarsenTimers gives all threads timerSlack. While anything runs, Go's runtime has a thread that
// looks each 20 µs whether something has to be done: with the usual slack these are 41 wake-ups
// for one sample, 17 % of its CPU time at rest. A thread inherits the slack, and that one
// is there before main, so the program replaces itself once: execve keeps the slack. Where it is
// not allowed nothing changes.
func coarsenTimers() {
	if os.Getenv(coarseTimers) != "" {
		_ = os.Unsetenv(coarseTimers)
		return
	}
	program, err := os.Executable() // by /proc/self/exe the process would have the name "exe"
	if err != nil {
		return
	}
	runtime.LockOSThread() // which has the slack, and calls execve
	defer runtime.UnlockOSThread()
	if unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(timerSlack), 0, 0, 0) == nil {
		_ = unix.Exec(program, os.Args, append(os.Environ(), coarseTimers+"=1"))
	}
}

// limitRuntime tunes the Go runtime to use little memory. The collector works harder as
// the heap nears the memory limit of jvmem's own container, so that jvmem is not killed.
// The variables GOMAXPROCS, GOGC and GOMEMLIMIT take precedence.
func limitRuntime(procfs string) {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(min(runtime.GOMAXPROCS(0), maxCores))
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	group, err := cgroup.FS{Proc: procfs}.Open(os.Getpid())
	if err != nil {
		return
	}
	defer group.Close()
	if m, _ := group.Memory(); m.LimitBytes != nil { // an error leaves it nil, or known
		debug.SetMemoryLimit(int64(heapShare * float64(*m.LimitBytes)))
	}
}

// releaseMemory releases memory that only the start needed, and from then on what is rarely used,
// until the context ends.
func releaseMemory(ctx context.Context) {
	heap, program := time.NewTicker(releaseHeapEvery), time.NewTicker(releaseProgramEvery)
	defer heap.Stop()
	defer program.Stop()
	code := splitProgram()
	releaseHeap()
	releaseProgram(code)
	for {
		select {
		case <-ctx.Done():
			return
		case <-heap.C:
			releaseHeap()
		case <-program.C:
			releaseProgram(code)
		}
	}
}

// releaseHeap releases what is free of Go's heap, and lets it grow by heapGarbage at most.
func releaseHeap() {
	debug.FreeOSMemory()
	if os.Getenv("GOGC") == "" {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		debug.SetGCPercent(max(1, min(heapGrowth, int(100*heapGarbage/m.HeapAlloc)))) // 0 would never stop collecting
	}
}

// splitProgram splits the mappings of the program file, and returns them. The kernel maps 16 pages of a
// mapping around each one that is used: those used while Go's collector looks at stacks are
// spread over a table of 5 MB. A failure has no consequence.
func splitProgram() (program []pages.Span) {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return nil
	}
	defer maps.Close()
	_ = new(pages.Reader).ReadMaps(maps, func(m *pages.Mapping) {
		if m.Path == path && m.Perm&pages.Write == 0 { // not its variables, which would be reset to their initial values
			program = append(program, pages.Span{Start: m.Start, End: m.End})
		}
	})
	piece := uint64(piecePages * os.Getpagesize())
	for _, s := range program {
		for at := s.Start; at < s.End; at += 2 * piece { // what is dumped and what is not are two mappings
			advise(at, min(at+piece, s.End), unix.MADV_DONTDUMP)
		}
	}
	return program
}

// releaseProgram releases the resident pages of the program file. Those that are used again are
// mapped again, from the page cache.
func releaseProgram(program []pages.Span) {
	for _, s := range program {
		advise(s.Start, s.End, unix.MADV_DONTNEED)
	}
}

func advise(start, end uint64, advice uintptr) {
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(start), uintptr(end-start), advice)
}
