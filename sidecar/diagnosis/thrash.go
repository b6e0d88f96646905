package diagnosis

import (
	"fmt"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// thrashMillis is how long the container must thrash, up to now.
	thrashMillis = 60 * 1000
	// Usage is at atLimit of the limit or more meanwhile.
	atLimit = 0.98
	// stalledShare is the part of the time in which no process could run, as all waited for
	// memory.
	stalledShare = 0.1
	// Where the kernel does not report that: faults that read from a file each second, while
	// so much of the page cache is read again each second. A large file that is read in
	// turn has no such faults, a working set that does not fit by a little no such rate.
	faultsPerSecond, turnoverPerSecond = 10, 0.5
)

// limitThrash: nothing is left to reclaim but pages that are needed again at once, as the
// code of the JVM. The kernel may go on for minutes before it kills.
func (j *judge) limitThrash() (Finding, bool) {
	at := j.latest()
	limit, limited := j.lately(history.Limit)
	reclaimable, known := j.lately(history.Reclaimable)
	least, wasKnown := j.leastSince(history.Usage, at-thrashMillis)
	if !limited || !known || !wasKnown || least < atLimit*limit {
		return Finding{}, false
	}
	f := Finding{Verdict: rows.VerdictLimitThrash}
	short := false
	if gain, seconds, ok := j.gained(history.StalledMillis, at-thrashMillis); ok {
		share := gain / 1000 / seconds
		short = share >= stalledShare
		f.Evidence = append(f.Evidence, fmt.Sprintf("all processes waited for memory in %.0f %% of the last %.0f s (pressure stall information)", 100*share, seconds))
	}
	refaults, seconds, ok := j.gained(history.RefaultBytes, at-thrashMillis)
	faults, _, faultsKnown := j.gained(history.MajorFaults, at-thrashMillis)
	if ok && faultsKnown {
		perSecond := refaults / seconds
		short = short || faults/seconds >= faultsPerSecond && perSecond >= turnoverPerSecond*reclaimable
		f.Evidence = append(f.Evidence, fmt.Sprintf("each second %s were read again that the kernel had just reclaimed, and %.0f page faults waited for a file", bytesText(perSecond), faults/seconds))
	}
	if !short {
		return Finding{}, false
	}
	f.Evidence = append(f.Evidence, fmt.Sprintf("usage was %s or more of %s for %.0f s; %s can be reclaimed, all of it in use", bytesText(least), bytesText(limit), float64(thrashMillis)/1000, bytesText(reclaimable)))
	if spent, over, ok := j.gained(history.CPUMillis, at-thrashMillis); ok {
		f.Evidence = append(f.Evidence, fmt.Sprintf("the JVM used %.2f cores, much of it in the kernel", spent/1000/over))
	}
	f.Next = []string{
		"raise the memory limit, or lower -Xmx: an OOM kill comes as soon as nothing is left to reclaim, the JVM may stand still for minutes before",
		"restart the container if requests time out: it does not recover while memory stays at the limit",
	}
	return f, true
}
