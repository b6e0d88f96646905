package jvm

import (
	"os"
	"testing"

	"github.com/jvmem/jvmem/jvm/proc"
)

// TestCPUTimeOfManyThreads: it is known each time, and with very many threads every other
// time.
func TestCPUTimeOfManyThreads(t *testing.T) {
	p := &Process{status: proc.Status{PID: os.Getpid()}}
	for i, step := range []struct {
		threads int
		known   bool
	}{
		{manyThreads + 1, true}, {manyThreads + 1, false}, {manyThreads + 1, true}, {manyThreads, true}, {20, true},
		{2000, false}, {2000, true}, {2000, false}, {20, true},
	} {
		p.status.Threads = step.threads
		if seconds := p.cpuSeconds(); (seconds != nil) != step.known {
			t.Errorf("step %d, %d threads: %v, want known %v", i, step.threads, seconds, step.known)
		}
	}
}
