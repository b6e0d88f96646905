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

// TestCPUTimeOfReadings: samples and light readings, which take turns, both know it every
// other time.
func TestCPUTimeOfReadings(t *testing.T) {
	p := &Process{status: proc.Status{PID: os.Getpid(), Threads: 2000}}
	r := &LightReading{process: p}
	for i, want := range []bool{true, false, true} {
		_, read := r.CPUMillis()
		if sampled := p.cpuSeconds() != nil; sampled != want || read != want {
			t.Errorf("turn %d: known to the sample %v, to the reading %v, want %v", i, sampled, read, want)
		}
	}
}
