package diagnosis

import (
	"fmt"
	"math"
	"time"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// fullShare is how much of the old generation survives collections when the heap counts
	// as full, and fullInARow how many in a row must show it.
	fullShare  = 0.95
	fullInARow = 3
	// lostShare of the time in lostMillis goes to collections, busyShare of the old generation
	// survives them: the JVM still runs, but does little else.
	lostShare  = 0.3
	lostMillis = 3 * 60 * 1000
	busyShare  = 0.75
)

// collecting is the part of the last minutes that collections took, and how long they were.
func (j *judge) collecting() (share, seconds float64, ok bool) {
	spent, seconds, ok := j.gained(history.GCMillis, j.at-lostMillis)
	return spent / 1000 / max(seconds, 1) / float64(max(len(j.c.JVMs), 1)), seconds, ok
}

// heapFull: the old generation is full after collections. The JVM collects without end,
// and throws OutOfMemoryError with the next allocation that does not fit.
func (j *judge) heapFull() (Finding, bool) {
	limit, ok := j.maxOld()
	series := history.OldUsed
	if j.undivided {
		series = atLastPause
	}
	all := j.survivals(series)
	n := len(all)
	if !ok || limit <= 0 || n < fullInARow {
		return Finding{}, false
	}
	last := all[n-fullInARow:]
	after, least := last[fullInARow-1].after, math.Inf(1)
	for _, s := range last {
		least = min(least, s.after)
	}
	share, seconds, timed := j.collecting()
	f := Finding{Verdict: rows.VerdictHeapFull}
	left := fmt.Sprintf("old generation after collection: %s of %s (%.1f %%), after each of the last %d collections", bytesText(after), bytesText(limit), 100*after/limit, fullInARow)
	lost := fmt.Sprintf("collections took %.0f %% of the last %.0f min", 100*share, seconds/60)
	switch {
	// Garbage that a collector other than these leaves counts as room.
	case least >= fullShare*limit-j.waste(limit):
		f.Evidence = append(f.Evidence, left)
		if timed {
			f.Evidence = append(f.Evidence, lost)
		}
	case timed && share >= lostShare && least >= busyShare*limit:
		f.Evidence = []string{lost, left}
	default:
		return Finding{}, false
	}
	f.Evidence = append(f.Evidence, fmt.Sprintf("at least %d collections of the old generation in %s", n, spanText(time.Duration(j.at-j.started)*time.Millisecond)))
	f.Next = adviser{j.onlyJVM()}.when("ExitOnOutOfMemoryError", []string{
		"raise -Xmx if the memory limit has room for it, else both",
		adviser{j.onlyJVM()}.heapDump() + ": it shows what fills the heap",
	}, "-XX:+ExitOnOutOfMemoryError restarts the JVM instead of letting it run without memory")
	return f, true
}
