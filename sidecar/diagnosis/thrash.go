package diagnosis

import (
	"fmt"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// thrashMillis is how long the container must thrash, up to now.
	thrashMillis = 60 * 1000
	// Usage is at atLimit of the limit or more meanwhile, and no more than littleCache of it is
	// page cache: a large file that is read in turn fills more.
	atLimit, littleCache = 0.98, 0.25
	// faultsPerSecond have to read a page from a file, or from swap. A file that is read in
	// turn has none.
	faultsPerSecond = 10
	// stalledShare is the part of the time in which no process could run, as all waited for
	// memory: 25 to 33 % were seen in a JVM that stood still, 4 to 9 beside a file that was
	// read without end.
	stalledShare = 0.1
	// Where the kernel does not report that, so much of the page cache is read again each
	// second: 15 times were seen.
	turnoverPerSecond = 0.5
)

// limitThrash: nothing is left to reclaim but pages that are needed again at once, as the
// code of the JVM. The kernel may go on for minutes before it kills.
func (j *judge) limitThrash() (Finding, bool) {
	at := j.latest()
	limit, limited := j.lately(history.Limit)
	reclaimable, known := j.lately(history.Reclaimable)
	least, wasKnown := j.leastSince(history.Usage, at-thrashMillis)
	faults, seconds, faultsKnown := j.gained(history.MajorFaults, at-thrashMillis)
	if !limited || !known || !wasKnown || least < atLimit*limit || reclaimable > littleCache*limit || !faultsKnown || faults < faultsPerSecond*seconds {
		return Finding{}, false
	}
	f := Finding{Verdict: rows.VerdictLimitThrash}
	short := false
	stalled, over, stalledKnown := j.gained(history.StalledMillis, at-thrashMillis)
	if stalledKnown {
		share := stalled / 1000 / over
		short = share >= stalledShare
		f.Evidence = append(f.Evidence, fmt.Sprintf("all processes waited for memory in %.0f %% of the last %.0f s (pressure stall information)", 100*share, over))
	}
	if refaults, seconds, ok := j.gained(history.RefaultBytes, at-thrashMillis); ok {
		perSecond := refaults / seconds
		short = short || !stalledKnown && perSecond >= turnoverPerSecond*reclaimable
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
