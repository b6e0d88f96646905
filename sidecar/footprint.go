package sidecar

import (
	"os"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm/pages"
)

const (
	// ownShare is how much of jvmem's own limit its heap may take: the rest is for
	// what the Go runtime does not count, and for the kernel.
	ownShare = 0.7
	// ownGrowth is by how many percent the heap may grow until it is collected. What
	// lives is some MiB, and a sample leaves half of one: less than Go's 100 % saves
	// 3 MiB with a day of history, for some 0.1 ms a sample.
	ownGrowth = 40
)

// ownCores is how many cores Go's scheduler may use at a time: one samples while the
// other answers. On a large node more would mean caches for each, and threads that
// look for work.
const ownCores = 2

// limitFootprint makes the collector work harder, and harder still before jvmem itself
// is killed, by the limit of its own container. Who sets GOMAXPROCS, GOGC or GOMEMLIMIT
// knows better.
func limitFootprint(procfs string) {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(min(runtime.GOMAXPROCS(0), ownCores))
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(ownGrowth)
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
		debug.SetMemoryLimit(int64(ownShare * float64(*m.LimitBytes)))
	}
}

// leaveStart gives back what only the start needed: heap, and the pages of the own
// program. Of those the kernel maps 16 around each that is used, nearly all 11 MB by
// the end of a start; what is used again is mapped again, from the page cache. That it
// may fail is no matter.
func leaveStart() {
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
		if m.Path == program && m.Perm&pages.Write == 0 { // never its variables: they would be as at the start
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(m.Start), uintptr(m.End-m.Start), unix.MADV_DONTNEED)
		}
	})
}
