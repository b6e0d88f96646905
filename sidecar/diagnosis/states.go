package diagnosis

import (
	"fmt"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// States are no leaks: nothing has to grow. A leak comes before them.

const (
	// fullShare is how much of the old generation survives collections when the heap counts
	// as full, and fullInARow how many in a row must show it.
	fullShare  = 0.95
	fullInARow = 3
	// retainedShare is the part of the limit that glibc retains for retainedMillis at least.
	retainedShare  = 0.1
	retainedMillis = 10 * 60 * 1000
)

// heapFull: the old generation is full after collections. The JVM collects without end,
// and throws OutOfMemoryError with the next allocation that does not fit.
func (j *judge) heapFull() (Finding, bool) {
	limit, ok := j.maxOld()
	if !ok || limit <= 0 {
		return Finding{}, false
	}
	// Garbage that a collector other than these leaves counts as room.
	full := fullShare*limit - j.waste(limit)
	all := j.survivals(history.OldUsed)
	n := len(all)
	if n < fullInARow {
		return Finding{}, false
	}
	for _, s := range all[n-fullInARow:] {
		if s.after < full {
			return Finding{}, false
		}
	}
	last := all[n-1]
	minutes := float64(j.at-j.started) / 60000
	f := Finding{
		Verdict: rows.VerdictHeapFull, Confidence: 1,
		Evidence: []string{
			fmt.Sprintf("old generation after collection: %s of %s (%.1f %%), after each of the last %d collections", bytesText(last.after), bytesText(limit), 100*last.after/limit, fullInARow),
			fmt.Sprintf("at least %d collections of the old generation in %.0f min", n, minutes),
		},
	}
	f.Next = adviser{j.onlyJVM()}.when("ExitOnOutOfMemoryError", []string{
		"raise -Xmx if the memory limit has room for it, else both",
		adviser{j.onlyJVM()}.jcmd("GC.heap_dump /path/on/a/volume/heap.hprof") + " (stops the JVM, needs disk space) shows what fills it",
	}, "-XX:+ExitOnOutOfMemoryError restarts the JVM instead of letting it run without memory")
	return f, true
}

// retained: glibc retains a large part of the limit, and does not return it.
func (j *judge) retained() (Finding, bool) {
	limit, limited := j.now(history.Limit)
	now, known := j.now(history.Detail(rows.Native, rows.AllocatorRetained))
	if !limited || !known || j.at-j.started < retainedMillis {
		return Finding{}, false
	}
	least := now
	for time, p := range j.c.Points(history.Detail(rows.Native, rows.AllocatorRetained)) {
		if time >= j.at-retainedMillis && time <= j.at {
			least = min(least, float64(p.Min))
		}
	}
	if least < retainedShare*limit {
		return Finding{}, false
	}
	return Finding{
		Verdict: rows.VerdictRetained, Confidence: 1,
		Evidence: []string{fmt.Sprintf("freed memory that glibc retains: %s, %.1f %% of the limit; %s or more for %d min",
			bytesText(now), 100*now/limit, bytesText(least), retainedMillis/60000)},
		Next: Next(rows.VerdictAllocatorRetention, "", j.onlyJVM()),
	}, true
}
