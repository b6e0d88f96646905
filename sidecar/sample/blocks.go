package sample

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm"
)

// walk is the state of the walks through the malloc blocks of a container's JVMs.
type walk struct {
	running bool
	begun   time.Time // when the last one was started
}

// Walk starts to walk through malloc's blocks in the container whose last walk was the
// longest time ago, among those where malloc's memory changed since. What is seen is in its
// next sample. The container is not read meanwhile.
func (s *Sampler) Walk() {
	var next *container
	for _, c := range s.containers {
		if !c.busy() && c.facts != nil && c.walkDue() && (next == nil || c.walk.begun.Before(next.walk.begun)) {
			next = c
		}
	}
	if next == nil {
		return
	}
	last := next.facts.JVMs
	next.walk.running, next.walk.begun = true, time.Now()
	s.start(next, lendDeadline, func(_ context.Context, j job) result {
		return j.deferring(func() { j.walkBlocks(append([]jvm.Facts(nil), last...)) }) // they are in use
	})
}

// deferring calls f, and returns a result without facts but with the CPU time.
func (j job) deferring(f func()) result {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadCPU()
	f()
	return result{rest: j.rest, deferred: threadCPU() - before}
}

// Deferred returns the CPU time of the walks, and of what containers were lent for, that ended since the
// last call.
func (s *Sampler) Deferred() (used time.Duration) {
	for _, c := range s.containers {
		used += c.deferred
		c.deferred = 0
	}
	return used
}

func (c *container) walkDue() bool {
	for _, m := range c.jvms {
		if m.process.BlocksDue() {
			return true
		}
	}
	return false
}

// walkBlocks walks through malloc's blocks where it is due, and adds what it saw to the
// facts of the last reading.
func (j job) walkBlocks(facts []jvm.Facts) {
	for _, p := range j.jvms {
		for i := range facts {
			if facts[i].PID == p.Status().PID && p.BlocksDue() {
				p.WalkBlocks(&facts[i])
			}
		}
	}
}

// threadCPU is the CPU time of this thread, also of the last millisecond, unlike getrusage's.
func threadCPU() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) // fails for an unknown clock only
	return time.Duration(t.Nano())
}
