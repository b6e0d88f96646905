package threads

import (
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm/proc"
)

// Collecting is the CPU time of a JVM's threads that collect, at the last look at them. The zero value
// has not looked.
type Collecting struct {
	at      time.Time
	known   bool
	seconds float64
}

// lookEvery is the time between two looks, as a file must be read for each thread.
const lookEvery = time.Minute

// Seconds returns it as of a minute ago at most, of the threads of a process whose folder in /proc is
// dir, and whether it is known.
func (c *Collecting) Seconds(dir string, all []Thread, now time.Time) (seconds float64, ok bool) {
	if now.Sub(c.at) >= lookEvery {
		for _, t := range all {
			if !collects(t) {
				continue
			}
			if ticks, ok := ticksOf(dir, t.ID); ok {
				c.known, seconds = true, seconds+float64(ticks)/proc.TicksPerSecond
			}
		}
		c.at, c.seconds = now, max(c.seconds, seconds) // it does not fall when a thread ends
	}
	return c.seconds, c.known
}

// collectors are the beginnings of the names of threads that collect, as the kernel keeps 15
// characters: those of JDK 9 and newer, then of JDK 8. Serial collects in the VM Thread, in which the
// others begin and end a collection.
var collectors = [...]string{"VM Thread", "GC Thread#", "G1 ", "GC task thread#", "Gang worker#", "Concurrent Mark"}

func collects(t Thread) bool {
	return slices.ContainsFunc(collectors[:], func(name string) bool { return strings.HasPrefix(t.Name, name) })
}
