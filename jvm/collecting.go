package jvm

import (
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/threads"
)

// collecting is the CPU time of the collector's threads at the last look at them.
type collecting struct {
	at      time.Time
	known   bool
	seconds float64
}

// lookEvery is the time between two looks, as a file must be read for each thread.
const lookEvery = time.Minute

// readCollecting adds the CPU time of the collector's threads, where the JVM does not count it. Of
// concurrent collectors it is left unknown.
func (p *Process) readCollecting(f *Facts, now time.Time) {
	if f.CollectionCPUSeconds != nil || !slices.Contains([]string{"Serial", "Parallel", "G1", "CMS"}, f.Collector) {
		return
	}
	c := &p.collecting
	if now.Sub(c.at) >= lookEvery {
		seconds := 0.0
		for _, t := range p.threads.Last() {
			if !collects(t) {
				continue
			}
			if ticks, ok := threadTicks(p.Dir(), t.ID); ok {
				c.known, seconds = true, seconds+float64(ticks)/proc.TicksPerSecond
			}
		}
		c.at, c.seconds = now, max(c.seconds, seconds) // it does not fall when a thread ends
	}
	if c.known {
		f.CollectionCPUSeconds = new(c.seconds)
	}
}

// collectors are the beginnings of the names of threads that collect, as the kernel keeps 15
// characters: those of JDK 9 and newer, then of JDK 8. Serial collects in the VM Thread, in which the
// others begin and end a collection.
var collectors = [...]string{"VM Thread", "GC Thread#", "G1 ", "GC task thread#", "Gang worker#", "Concurrent Mark"}

func collects(t threads.Thread) bool {
	return slices.ContainsFunc(collectors[:], func(name string) bool { return strings.HasPrefix(t.Name, name) })
}
