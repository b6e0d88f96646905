package sidecar

import (
	"os"
	"runtime/debug"

	"github.com/jvmem/jvmem/cgroup"
)

// ownShare is how much of jvmem's own limit its heap may take: the rest is for
// what the Go runtime does not count, and for the kernel.
const ownShare = 0.7

// limitOwnMemory makes the collector work harder before jvmem itself is killed, by
// the limit of its own container. Who sets GOMEMLIMIT knows better; without a limit
// there is nothing to do.
func limitOwnMemory(procfs string) {
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
