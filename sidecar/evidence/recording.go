package evidence

import (
	"context"
	"errors"
	"maps"
	"slices"
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
	// A leak pauses with the load, or is slow: what was too little to count is recorded for
	// sampleTime, too, and then for longTime.
	countTime, sampleTime, longTime = 2 * time.Minute, 15 * time.Minute, time.Hour
	// maxRecordings bounds how often a recording is tried that fails, or names no line, maxSuspected how
	// often before the leak is confirmed. The next one after one that names none begins after
	// recordingGap: others have their turn.
	maxRecordings, maxSuspected, recordingGap = 5, 2, 5 * time.Minute
)

// recording is an evidence.Recording, or a fault in tests.
type recording interface {
	Sampled() bool
	Look(context.Context, *jvm.Process) (*cause.Finding, error)
	Stop(context.Context, *jvm.Process) (*cause.Finding, error)
}

// starter starts a recording, and returns for how long it runs, or what somebody else's shows.
// earlier is how many earlier ones named no line.
type starter func(_ context.Context, _ *jvm.Process, _ cause.Kind, earlier int) (recording, time.Duration, *cause.Finding, error)

// starting returns the starter of recordings with these options.
func starting(o cause.Options) starter {
	return func(ctx context.Context, p *jvm.Process, kind cause.Kind, earlier int) (recording, time.Duration, *cause.Finding, error) {
		session, err := p.Session()
		if err != nil {
			return nil, 0, nil, err
		}
		o := o
		o.JDK = session.Major
		d := recordingTime(kind, o, earlier)
		started, theirs, err := evidence.StartRecording(ctx, p, kind, o, d)
		if started == nil {
			return nil, 0, theirs, err
		}
		return started, d, nil, nil
	}
}

// recordingTime returns how long to record after some that named no line.
func recordingTime(kind cause.Kind, o cause.Options, earlier int) time.Duration {
	switch {
	case !o.Counts(kind):
		return sampleTime
	case earlier == 0:
		return countTime
	case earlier <= maxSuspected:
		return sampleTime
	}
	return longTime
}

// recordedFor returns the kind of leak to record for a finding; "": none. It is recorded
// when the leak is confirmed or its suspicion lasts, until a line is named.
func (c *Collector) recordedFor(of *breakdown.Container, f *diagnosis.Finding, stage Stage) cause.Kind {
	if !c.allowed.Recordings || stage == Suspected {
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
		if slices.ContainsFunc(of.JVMs, func(j breakdown.JVM) bool { return j.NMT == "off" }) {
			return cause.Native
		}
		return cause.Zip
	}
	return ""
}

// recorded is what is known of a JVM by recordings.
type recorded struct {
	at      time.Time
	running recording // nil: none
	kind    cause.Kind
	stage   Stage // when it was started
	// next is when to look at it or to stop it, or to start another one; end is when it ends.
	next, end time.Time
	room      Room
	tries     int // that failed, or named no line
	reads     int // of recordings of somebody else, which named none
	found     *cause.Finding
	failed    string // why it could not be started or read
}

// wanted reports whether a recording has to be started.
func (r recorded) wanted(now time.Time, stage Stage) bool {
	most := maxRecordings
	if stage != Confirmed {
		most = maxSuspected
	}
	return r.at.IsZero() || !r.next.IsZero() && r.tries < most && !now.Before(r.next)
}

// without returns what is known after a try that named no line.
func (r recorded) without(now time.Time, err error) recorded {
	r.at, r.tries = now, r.tries+1
	if err == nil {
		r.next = now.Add(recordingGap)
		return r
	}
	r.next, r.failed = now.Add(retryDelay(r.tries)), jvm.Printable(err.Error(), maxFailureBytes)
	return r
}

// Tend looks at and stops the recordings of a container, after each sample of it: what JFR takes grows
// meanwhile. Also those of a finding that has gone: it may come back within the incident.
func (c *Collector) Tend(ctx context.Context, now time.Time, of *breakdown.Container) {
	for k, i := range c.incidents {
		if k.container == of.Key() {
			c.record(ctx, now, of, i, "", Suspected)
		}
	}
}

// record starts, looks at and stops the recordings that are due. kind "": none is started.
func (c *Collector) record(ctx context.Context, now time.Time, of *breakdown.Container, i *incident, kind cause.Kind, stage Stage) {
	i.pollRecording()
	due := make(map[process]recorded)
	for _, j := range of.JVMs {
		p := process{j.PID, j.StartTicks}
		r := i.recordings[p]
		switch {
		case i.recording != nil:
		case r.running != nil:
			if r.limit(now, of); !now.Before(r.next) {
				due[p] = r
			}
			i.recordings[p] = r
		case kind == "" || !r.wanted(now, stage):
		case c.recordingNow(now, p):
			c.endOthers(now, p, kind, stage)
		default:
			if _, err := CheckRoom(of); err != nil {
				i.recordings[p] = r.without(now, err)
				continue
			}
			due[p] = r
		}
	}
	if len(due) == 0 {
		return
	}
	i.recording = lendDue(ctx, c.lend, of, due, func(ctx context.Context, p *jvm.Process, id process) recorded {
		if due[id].running == nil {
			return c.startRecording(ctx, now, p, kind, stage, due[id])
		}
		return due[id].step(ctx, now, p)
	})
	i.pollRecording()
}

// startRecording starts a recording, or reads that of somebody else.
func (c *Collector) startRecording(ctx context.Context, now time.Time, p *jvm.Process, kind cause.Kind, stage Stage, r recorded) recorded {
	r.failed = ""
	earlier := r.tries
	if r.found == nil { // they failed
		earlier = 0
	}
	started, length, theirs, err := c.start(ctx, p, kind, earlier)
	switch {
	case started == nil && err == nil && len(theirs.Causes) == 0: // it is over some time
		r.at, r.found, r.reads = now, theirs, r.reads+1
		r.next = now.Add(max(recordingGap, retryDelay(r.reads)))
		return r
	case started == nil:
		return r.read(now, theirs, err)
	}
	r.at, r.running, r.kind, r.stage, r.end, r.room = now, started, kind, stage, now.Add(length), Room{}
	r.next = r.end
	if started.Sampled() {
		r.next = now.Add(evidence.LookInterval(length))
	}
	return r
}

// limit has a recording looked at or stopped now if it takes too much memory.
func (r *recorded) limit(now time.Time, of *breakdown.Container) {
	left, known := leftOf(of)
	if !known {
		return
	}
	switch look, stop := r.room.Take(left); {
	case stop:
		r.next, r.end = now, now
	case look && r.running.Sampled(): // a look would end what is counted
		r.next = now
	}
}

// step looks at a recording, and stops it at its end or if it names a line.
func (r recorded) step(ctx context.Context, now time.Time, p *jvm.Process) recorded {
	var looked *cause.Finding
	if now.Before(r.end) {
		var err error
		if looked, err = r.running.Look(ctx, p); err != nil || len(looked.Causes) == 0 {
			if r.next = now.Add(evidence.LookInterval(sampleTime)); r.next.After(r.end) {
				r.next = r.end // late looks add up: the recording must be stopped before it ends by itself
			}
			return r
		}
	}
	found, err := r.running.Stop(ctx, p)
	switch {
	case looked != nil: // the recording ends by itself
		found, err = looked, nil
	case err != nil && !errors.Is(err, evidence.ErrNoRecording) && now.Before(r.end.Add(evidence.RecordingGrace)):
		return r.without(now, err) // it still runs, to be stopped
	}
	r.running = nil
	return r.read(now, found, err)
}

// read returns what is known after a recording was read.
func (r recorded) read(now time.Time, found *cause.Finding, err error) recorded {
	if err != nil {
		return r.without(now, err)
	}
	r.at, r.found, r.failed = now, found, ""
	if len(found.Causes) == 0 {
		return r.without(now, nil)
	}
	r.tries, r.next = 0, time.Time{}
	return r
}

// recordingNow reports whether a recording of this JVM runs for another incident. That one may
// be over: then the recording ends by itself.
func (c *Collector) recordingNow(now time.Time, p process) bool {
	for _, i := range c.incidents {
		if r := i.recordings[p]; r.running != nil && now.Before(r.end.Add(evidence.RecordingGrace)) {
			return true
		}
	}
	return false
}

// endOthers has the recordings of a JVM stopped for which a leak does not wait: what is counted in two
// minutes for what is sampled for fifteen, and what is confirmed for what is suspected.
func (c *Collector) endOthers(now time.Time, p process, kind cause.Kind, stage Stage) {
	counts := cause.Options{}.Counts
	for _, i := range c.incidents {
		r := i.recordings[p]
		if r.running != nil && now.Before(r.end) && (counts(kind) && !counts(r.kind) || stage > r.stage) {
			r.next, r.end = now, now
			i.recordings[p] = r
		}
	}
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
