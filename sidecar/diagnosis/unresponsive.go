package diagnosis

import (
	"fmt"
	"time"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// silentSamples in a row, over silentMillis or more, must get no answer.
	silentSamples = 3
	silentMillis  = 30 * 1000
	// busyCores: a JVM that does not answer computes without end, or waits.
	busyCores = 0.9
)

// unresponsive: the JVM runs, and does not answer commands in time. Where attach is disabled
// or not permitted, this is not known.
func (j *judge) unresponsive() (Finding, bool) {
	var since, last int64
	silent := 0
	for at, p := range j.c.Points(history.Unanswered) {
		switch {
		case at < j.started || p.Last == 0:
			silent = 0
		case silent == 0:
			since, silent = at, 1
		default:
			silent++
		}
		last = at
	}
	if silent < silentSamples || last-since < silentMillis || j.at > last {
		return Finding{}, false
	}
	f := Finding{Verdict: rows.VerdictUnresponsive, Evidence: []string{fmt.Sprintf("no answer to commands (attach) since %s, in %d samples",
		clockText(time.UnixMilli(since).UTC()), silent)}}
	a := adviser{j.onlyJVM()}
	thread := "`kill -QUIT " + a.pid() + "` prints the stacks of its threads to its output, if it still can"
	cores, seconds, known := j.gained(history.CPUMillis, since)
	cores /= 1000 * max(seconds, 1)
	collecting, _, _ := j.gained(history.GCMillis, since)
	switch {
	case a.state() == "T":
		f.Evidence = append(f.Evidence, "the process is stopped, by SIGSTOP or by a debugger")
		f.Next = []string{"resume it (`kill -CONT " + a.pid() + "`), or detach the debugger"}
		return f, true
	case a.state() == "D":
		f.Evidence = append(f.Evidence, "its first thread waits in the kernel, uninterruptible: for a disk, a network file system, or memory")
		f.Next = append(f.Next, "look for volumes that do not respond: `cat /proc/"+a.pid()+"/stack` (as root) shows where it waits")
	case known && collecting/1000 >= lostShare*seconds:
		f.Evidence = append(f.Evidence, fmt.Sprintf("garbage collections took %.0f %% of that time", collecting/10/max(seconds, 1)))
		f.Next = append(f.Next, "look at the heap: a JVM that collects without end answers late")
	case known && cores >= busyCores:
		f.Evidence = append(f.Evidence, fmt.Sprintf("it used %.1f cores meanwhile: it computes, and does not reach a safepoint", cores))
		f.Next = append(f.Next, "`top -H -p "+a.pid()+"` shows which threads compute; -Xlog:safepoint (JDK 9 and newer) which ones are late")
	case known:
		f.Evidence = append(f.Evidence, fmt.Sprintf("it used %.2f cores meanwhile: it waits, is throttled (cpu.stat), or another attach client blocks it", cores))
	}
	f.Next = append(f.Next, thread, "restart the container if requests time out")
	return f, true
}

// state is that of the JVM's first thread; "": not known.
func (a adviser) state() string {
	if a.j == nil {
		return ""
	}
	return a.j.State
}
