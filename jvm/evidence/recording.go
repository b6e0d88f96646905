package evidence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/evidence/cause"
	"github.com/jvmem/jvmem/jvm/jfr"
)

// Reasons to refuse a recording.
const (
	ErrNoRecorder   attach.Kind = "no Flight Recorder"
	ErrRecording    attach.Kind = "another recording runs"
	ErrNotSafe      attach.Kind = "the event is not safe"
	ErrNoRecording  attach.Kind = "no recording is open"
	ErrNoSuchCause  attach.Kind = "no recording shows this cause"
	ErrRootsTooLong attach.Kind = "the search for roots would stop the JVM for too long"
)

const (
	// MaxRoots is the longest search for the path to a GC root: longer ones have stopped a
	// JVM for minutes, and made another one exceed its limit.
	MaxRoots = 100 * time.Millisecond
	// RecordingBytes is what the first recording makes a JVM use for good: 12 to 20 MiB were
	// measured, 31 with MethodTrace. It needs so much room for that, and for what grows meanwhile.
	RecordingBytes = 48 << 20
	// maxChunkBytes bounds the file that is read: HotSpot begins another one at 12 MiB.
	maxChunkBytes = 64 << 20
	// shortestLook is the shortest time that objects are sampled before a Look.
	shortestLook = time.Minute
	// RecordingGrace is how long after the end of its time a recording remains, to be read. It
	// ends then if jvmem does not end it.
	RecordingGrace = 3 * time.Minute
)

// Recording is a recording that StartRecording started.
type Recording struct {
	kind    cause.Kind
	sampled bool
	found   *cause.Finding // by the last Look; nil: there was none
	// live is what was live before it; nil: it was not counted.
	live  *live
	began time.Time
}

// Sampled reports whether it shows samples of objects only. Then it is worth a Look before its
// end; what is counted would be missing in a later one.
func (r *Recording) Sampled() bool { return r.sampled && r.live == nil }

// LookInterval is the time between two looks at a recording of samples that may take d. It
// is stopped as soon as one names a line.
func LookInterval(d time.Duration) time.Duration { return max(d/3, shortestLook) }

// StartRecording starts to record the cause of a leak for a time, if nobody else records.
// Else it returns what their recording shows so far, as ReadRecording does.
// The JVM must have RecordingBytes of unreclaimable memory left to its limit: the caller
// knows it. JFR keeps 12 to 31 MiB of the JVM for good, and uses about a second of CPU time
// the first time; nothing of it remains in the JVM's file system but an empty folder of JFR.
func StartRecording(ctx context.Context, p *jvm.Process, kind cause.Kind, o cause.Options, d time.Duration) (started *Recording, theirs *cause.Finding, err error) {
	session, err := p.Session()
	if err != nil {
		return nil, nil, err
	}
	o.JDK = session.Major
	o.Gains = o.CountsGains(kind)
	settings := cause.Settings(kind, o)
	err = refuseRecording(p, session.Collector, settings, o)
	if o.Gains && errors.Is(err, ErrNotSafe) {
		settings, err = cause.WithoutSamples(settings), nil // the gains alone can name a line
	}
	if err != nil {
		return nil, nil, err
	}
	text, err := session.Send(ctx, attach.RecordingCheck)
	switch {
	case errors.Is(err, attach.ErrCommand):
		return nil, nil, p.Refuse(ErrNoRecorder, "this JVM has no Flight Recorder: JFR.check was refused", "JDK 11 and newer have it, and JDK 8 from 8u262 on in most builds")
	case err != nil:
		return nil, nil, err
	case !strings.Contains(text, "No available recordings"):
		theirs, err = ReadRecording(ctx, p, kind)
		return nil, theirs, err
	}
	started = &Recording{kind: kind, sampled: cause.Samples(settings)}
	if o.Gains {
		if started.live, err = countLive(ctx, p); err != nil {
			return nil, nil, err
		}
	}
	command := attach.StartRecording{Duration: d + RecordingGrace}
	for _, s := range settings {
		command.Settings = append(command.Settings, attach.Setting(s))
	}
	if session.Major < firstInline {
		command.NSPID = cmp.Or(p.Status().NSPID, p.Status().PID)
		remove, err := writeSettings(p, attach.SettingsFile(command.NSPID), settings)
		if err != nil {
			return nil, nil, err
		}
		defer remove()
	}
	text, err = session.Send(ctx, command)
	if err == nil && !strings.Contains(text, "Started recording") {
		err = p.Refuse(ErrNoRecorder, "JFR did not start: "+jvm.Printable(strings.TrimSpace(text), maxReasonBytes), "check that java.io.tmpdir of the JVM is writable")
	}
	if err != nil {
		return nil, nil, err
	}
	started.began = time.Now()
	return started, nil, nil
}

// firstInline is the first JDK whose JFR.start takes settings on its command line.
const firstInline = 17

const noSamplesFix = "use jvmem evidence --kind heap --gains (the sidecar: --evidence=jfr,gains), take a class histogram (--evidence=heap), or a heap dump"

// refuseRecording returns an error for what this JVM may not be asked to record.
func refuseRecording(p *jvm.Process, collector string, settings []cause.Setting, o cause.Options) error {
	if settings == nil {
		return p.Refuse(ErrNoSuchCause, "no recording shows the cause of this kind of leak", "")
	}
	if o.Roots > MaxRoots {
		return p.Refuse(ErrRootsTooLong, fmt.Sprintf("a search for GC roots of %s stops the JVM for too long", o.Roots), fmt.Sprintf("allow at most %s", MaxRoots))
	}
	if !cause.Samples(settings) {
		return nil
	}
	switch collector {
	case "ZGC": // JDK-8382740: the generational one may crash; the older one samples nothing
		return p.Refuse(ErrNotSafe, "objects are not sampled with ZGC: the JVM may crash (JDK-8382740)", noSamplesFix)
	case "Shenandoah":
		return p.Refuse(ErrNotSafe, "objects are not sampled with Shenandoah, for which it has not been verified", noSamplesFix)
	case "":
		return p.Refuse(ErrNotSafe, "objects are not sampled, as the collector is unknown", "")
	}
	return nil
}

// writeSettings writes a file of settings into the JVM's /tmp, for the time until the
// command is sent: JDK 8 and 11 know no others. For why it is there see fifo.
func writeSettings(p *jvm.Process, name string, settings []cause.Setting) (remove func(), err error) {
	tmp, err := p.OpenTmp()
	if err != nil {
		return nil, err
	}
	_ = unix.Unlinkat(int(tmp.Fd()), name, 0) // of a jvmem that was killed
	fd, err := unix.Openat(int(tmp.Fd()), name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	remove = func() {
		_ = unix.Unlinkat(int(tmp.Fd()), name, 0) // the file system of a JVM that ended is gone
		_ = tmp.Close()
	}
	if err != nil {
		_ = tmp.Close()
		return nil, fmt.Errorf("create /tmp/%s in the JVM's container: %w", name, err)
	}
	file := os.NewFile(uintptr(fd), name)
	_, err = file.WriteString(settingsXML(settings))
	if status := p.Status(); err == nil && status.UID != os.Geteuid() {
		err = file.Chown(status.UID, status.GID)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		remove()
		return nil, err
	}
	return remove, nil
}

// settingsXML returns settings as a file of JFR (jdk.jfr.internal.jfc).
func settingsXML(settings []cause.Setting) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><configuration version="2.0" label="jvmem" description="jvmem" provider="jvmem">`)
	for _, s := range settings {
		// They are names of events and of methods.
		value := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s.Value)
		fmt.Fprintf(&b, `<event name=%q><setting name=%q>%s</setting></event>`, s.Event, s.Name, value)
	}
	b.WriteString(`</configuration>`)
	return b.String()
}

// Look returns what the recording shows so far. It goes on.
func (r *Recording) Look(ctx context.Context, p *jvm.Process) (*cause.Finding, error) {
	found, err := r.end(ctx, p, attach.DumpRecording{}, "Dumped recording", nil)
	if err == nil {
		r.found = found
	}
	return found, err
}

// Stop ends the recording, and returns what it shows. ErrNoRecording: it has ended before.
func (r *Recording) Stop(ctx context.Context, p *jvm.Process) (*cause.Finding, error) {
	if r.live == nil {
		return r.end(ctx, p, attach.StopRecording{}, "Stopped recording", nil)
	}
	now, countErr := countLive(ctx, p)
	found, err := r.end(ctx, p, attach.StopRecording{}, "Stopped recording", now.gains(r.live, r.began))
	return found, cmp.Or(err, countErr)
}

// end reads the chunk that a command ends. JFR may remove its name, but it is open here.
func (r *Recording) end(ctx context.Context, p *jvm.Process, command attach.Command, done string, gains *cause.Gains) (*cause.Finding, error) {
	session, err := p.Session()
	if err != nil {
		return nil, err
	}
	chunk, err := openChunk(p)
	text, sendErr := session.Send(ctx, command)
	if err != nil {
		return nil, errors.Join(err, sendErr)
	}
	defer chunk.Close()
	if sendErr != nil {
		return nil, sendErr
	}
	if !strings.Contains(text, done) {
		return nil, p.Refuse(ErrNoRecording, "the recording has ended: "+jvm.Printable(strings.TrimSpace(text), maxReasonBytes), "")
	}
	return findCause(chunk, r.kind, cause.Known{Before: r.found, Gains: gains, Ended: time.Now()})
}

const (
	// firstFlush is how long JDK 17 and newer may take until a chunk can be read: they write
	// once a second.
	firstFlush = 5 * time.Second
	flushPoll  = 100 * time.Millisecond
)

// ReadRecording returns what the recording of somebody else shows so far. It sends nothing
// to the JVM, which goes on recording.
func ReadRecording(ctx context.Context, p *jvm.Process, kind cause.Kind) (*cause.Finding, error) {
	if cause.Settings(kind, cause.Options{}) == nil {
		return nil, p.Refuse(ErrNoSuchCause, "no recording shows the cause of this kind of leak", "")
	}
	session, err := p.Session()
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(firstFlush); ; {
		found, err := readChunk(p, kind)
		switch {
		case !errors.Is(err, jfr.ErrNoMetadata):
			return found, err
		case session.Major < firstInline:
			return nil, p.Refuse(ErrRecording, "the recording of somebody else cannot be read before its end: JDK 8 and 11 write what is needed last", "stop it and start none for some minutes, or use JDK 17 or newer")
		case time.Now().After(end):
			return nil, p.Refuse(ErrRecording, "the recording of somebody else has nothing that can be read yet", "try again in a minute")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(flushPoll):
		}
	}
}

func readChunk(p *jvm.Process, kind cause.Kind) (*cause.Finding, error) {
	chunk, err := openChunk(p)
	if err != nil {
		return nil, err
	}
	defer chunk.Close()
	return findCause(chunk, kind, cause.Known{Ended: time.Now()})
}

func findCause(chunk *os.File, kind cause.Kind, known cause.Known) (*cause.Finding, error) {
	info, err := chunk.Stat()
	if err != nil {
		return nil, err
	}
	return cause.Find(chunk, min(info.Size(), maxChunkBytes), kind, known)
}

// chunkName is a file of a repository of JFR: 2026_11_29_08_08_05.jfr, also of several in one
// second. It is .part before JDK 17.
var chunkName = regexp.MustCompile(`/\d{4}(_\d\d){5}(_\d+)?\.(jfr|part|jfr\.part)( \(deleted\))?$`)

// openChunk opens the file that JFR writes, through the JVM's own descriptor: the name may
// lead elsewhere. The JVM may have anything open under such a name, so it must be a regular
// file; what is in it is not trusted.
func openChunk(p *jvm.Process) (*os.File, error) {
	links, err := filepath.Glob(filepath.Join(p.Dir(), "fd", "*"))
	if err != nil {
		return nil, err
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !chunkName.MatchString(target) {
			continue
		}
		// Not blocking: it may be a FIFO.
		f, err := os.OpenFile(link, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return nil, fmt.Errorf("open the file of JFR: %w", err)
		}
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return f, nil
		}
		_ = f.Close() // nothing was written
	}
	return nil, p.Refuse(ErrNoRecording, "the JVM has no file of JFR open", "")
}
