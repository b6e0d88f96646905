package watch

import (
	"time"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/proc"
)

// Event is an *Ended, a *Killed or an *Urgent. nil in one of them means unknown.
type Event interface{ event() }

// Ended says that a JVM ended. It comes once for each JVM that was followed.
type Ended struct {
	Time       time.Time
	PID        int
	StartTicks uint64      // with PID it names the JVM
	Path       cgroup.Path // of its container; zero if that cannot be read
	// KillsBefore is how many processes the kernel had killed in the container
	// before, KillsAfter when the JVM ended (nil: the cgroup was gone
	// already). A rise is this JVM's if a signal
	// ended it: others may have been killed too, up to 3 s before.
	KillsBefore, KillsAfter *int64
	Exit                    *proc.Exit
	Words                   *jvm.FinalCounters
	Last                    *cgroup.Reading // before the end, and before a kill
}

// Killed says that the kernel killed for lack of memory while the JVMs of the
// container lived on for 3 s at least.
type Killed struct {
	Time                    time.Time // when it was seen first
	Path                    cgroup.Path
	KillsBefore, KillsAfter int64
	Last                    *cgroup.Reading // before the kill
}

// Urgent asks for a sample of everything, at once. There is at most one for a
// container between two calls of Follow.
type Urgent struct {
	Time       time.Time
	Path       cgroup.Path
	LimitBytes int64
	// GrownBytes is how much more cannot be reclaimed than at the last sample.
	GrownBytes int64
	Last       *cgroup.Reading
}

func (*Ended) event()  {}
func (*Killed) event() {}
func (*Urgent) event() {}
