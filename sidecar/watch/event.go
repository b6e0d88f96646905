package watch

import (
	"time"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/proc"
)

// Event is an *Ended, a *Killed or an *Urgent. nil in one of them means unknown.
type Event interface{ event() }

// Ended reports the end of a JVM, once for each JVM that was followed.
type Ended struct {
	Time       time.Time
	PID        int
	StartTicks uint64      // with PID it identifies the JVM
	Path       cgroup.Path // of its container; zero if that cannot be read
	// Name and LimitBytes of its container, as in the last Target.
	Name       string
	LimitBytes *int64
	// KillsBefore counts the OOM kills in the container before, KillsAfter at the end of
	// the JVM (nil: the cgroup was already removed). An increase is due to this JVM if a
	// signal ended it. Other processes may have been killed too, up to 3 s before.
	KillsBefore, KillsAfter *int64
	Exit                    *proc.Exit
	FinalCounters           *jvm.FinalCounters
	Last                    *cgroup.Reading // before the end, and before a kill
}

// Killed reports an OOM kill after which the JVMs of the container have been alive for at
// least 3 s.
type Killed struct {
	Time                    time.Time // when it was first seen
	Path                    cgroup.Path
	KillsBefore, KillsAfter int64
	Last                    *cgroup.Reading // before the kill
}

// Urgent requests a sample at once. There is at most one for a container between two
// calls of Follow.
type Urgent struct {
	Time       time.Time
	Path       cgroup.Path
	LimitBytes int64
	// GrownBytes is the growth of unreclaimable memory since the last sample.
	GrownBytes int64
	Last       *cgroup.Reading
}

func (*Ended) event()  {}
func (*Killed) event() {}
func (*Urgent) event() {}
