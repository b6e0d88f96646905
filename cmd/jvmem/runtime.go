package main

import (
	"os"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm/pages"
)

const (
	// heapShare is how much of jvmem's own memory limit its heap may take. The rest is for
	// what the Go runtime does not count, and for the kernel.
	heapShare = 0.7
	// heapGrowth is GOGC. The live heap has some MiB, and a sample leaves half of one as
	// garbage: less than Go's 100 % saves 3 MiB with a day of history, for some 0.1 ms of
	// CPU a sample.
	heapGrowth = 40
	// maxCores is GOMAXPROCS: one samples while the other answers requests. On a large node
	// a higher value means a cache for each, and threads that search for work.
	maxCores = 2
)

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

// releaseStartupMemory releases memory that only the start needed: heap, and resident pages
// of the program file. The kernel maps 16 pages around each one that is used, nearly all
// 11 MB by the end of the start; those that are used again are mapped again, from the page
// cache. A failure has no consequence.
func releaseStartupMemory() {
	debug.FreeOSMemory()
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close()
	_ = new(pages.Reader).ReadMaps(maps, func(m *pages.Mapping) {
		if m.Path == program && m.Perm&pages.Write == 0 { // not its variables, which would be reset to their initial values
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(m.Start), uintptr(m.End-m.Start), unix.MADV_DONTNEED)
		}
	})
}
