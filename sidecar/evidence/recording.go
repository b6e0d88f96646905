package evidence

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/evidence"
	"github.com/jvmem/jvmem/jvm/evidence/cause"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// countTime and sampleTime are how long is recorded what is counted, and what is sampled.
	countTime, sampleTime = 2 * time.Minute, 10 * time.Minute
)

// recordedFor returns the kind of leak to record for a finding; "": none. It is recorded
// once for each incident and JVM, when the leak is confirmed.
func (c *Collector) recordedFor(f *diagnosis.Finding, stage Stage) cause.Kind {
	if !c.allowed.Recordings || stage != Confirmed {
		return ""
	}
	switch f.Verdict {
	case rows.VerdictThreads:
		return cause.Threads
	case rows.VerdictClassLoader:
		return cause.ClassLoader
	case rows.VerdictHeap:
		return cause.Heap
	case rows.VerdictDirectBuffers:
		return cause.DirectBuffers
	case rows.VerdictMappedFiles:
		return cause.MappedFiles
	case rows.VerdictNativeUntracked: // of the JDK itself, zip is what leaks most often
		return cause.Zip
	}
	return ""
}

// recorded is a recording of a JVM.
type recorded struct {
	at     time.Time
	until  time.Time // when it has to be stopped; zero: it has ended, or could not be started
	begun  string    // that it runs, for people
	found  *cause.Finding
	failed string // why it could not be started or read
}

// record starts and stops the recordings that are due.
func (c *Collector) record(ctx context.Context, now time.Time, of *breakdown.Container, i *incident, kind cause.Kind) {
	i.pollRecording()
	due := make(map[process]recorded)
	for _, j := range of.JVMs {
		p := process{j.PID, j.StartTicks}
		r, known := i.recordings[p]
		switch {
		case i.recording != nil:
		case !known && !c.recordingNow(now, p):
			if err := CheckRoom(of); err != nil {
				i.recordings[p] = recorded{at: now, failed: err.Error()}
				continue
			}
			due[p] = r
		case known && !r.until.IsZero() && !now.Before(r.until):
			due[p] = r
		}
	}
	if len(due) == 0 {
		return
	}
	i.recording = lendDue(ctx, c.lend, of, due, func(ctx context.Context, p *jvm.Process, id process) recorded {
		return c.step(ctx, now, p, kind, due[id])
	})
	i.pollRecording()
}

// step starts a recording, or stops the one that has begun.
func (c *Collector) step(ctx context.Context, now time.Time, p *jvm.Process, kind cause.Kind, r recorded) recorded {
	var found *cause.Finding
	var err error
	if r.until.IsZero() {
		length := sampleTime
		if kind == cause.Threads || kind == cause.ClassLoader {
			length = countTime
		}
		r = recorded{at: now, until: now.Add(length), begun: fmt.Sprintf("which line of code leaks is being recorded with JFR, for %s", length)}
		if found, err = c.start(ctx, p, kind, cause.Options{}, length); found == nil && err == nil {
			return r
		}
	} else {
		found, err = c.stop(ctx, p, kind)
	}
	if err != nil {
		return recorded{at: now, failed: jvm.Printable(err.Error(), maxFailureBytes)}
	}
	return recorded{at: now, found: found}
}

// recordingNow reports whether a recording of this JVM runs for another incident. That one may
// be over: then the recording ends by itself.
func (c *Collector) recordingNow(now time.Time, p process) bool {
	for _, i := range c.incidents {
		if now.Before(i.recordings[p].until.Add(evidence.RecordingGrace)) {
			return true
		}
	}
	return false
}

// pollRecording takes the results if they have arrived.
func (i *incident) pollRecording() {
	select {
	case all := <-i.recording: // nil blocks
		i.recording = nil
		maps.Copy(i.recordings, all)
	default:
	}
}

// CheckRoom returns an error if a container has no room for a recording.
func CheckRoom(of *breakdown.Container) error {
	if of.Limited != nil && !*of.Limited {
		return nil
	}
	unreclaimable := rows.Unreclaimable(of.UsageBytes, of.ReclaimableBytes)
	if of.LimitBytes == nil || unreclaimable == nil {
		return fmt.Errorf("no recording: it is unknown how near the limit is, and JFR makes the JVM use 12 to 31 MiB for good")
	}
	if room := *of.LimitBytes - *unreclaimable; room < evidence.RecordingBytes {
		return fmt.Errorf("no recording: JFR makes the JVM use 12 to 31 MiB for good, and only %s are left to the limit", breakdown.Size(&room))
	}
	return nil
}
