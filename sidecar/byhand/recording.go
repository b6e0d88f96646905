package byhand

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/attach"
	jvmevidence "github.com/jvmem/jvmem/jvm/evidence"
	"github.com/jvmem/jvmem/jvm/evidence/cause"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/sidecar/evidence"
	"github.com/jvmem/jvmem/sidecar/rows"
	"github.com/jvmem/jvmem/sidecar/sample"
)

const (
	// stopTimeout is how long a recording may take to end.
	stopTimeout = time.Minute
	// roomPoll is the time between two looks at the memory of a JVM that records.
	roomPoll = time.Second
)

// RecordOptions are those of jvmem evidence.
type RecordOptions struct {
	sample.Options
	Kind     string // of package cause
	Duration time.Duration
	// Consent is given to start a recording, Roots to search for the path to a GC root, Trace to
	// instrument methods, Gains to count the live objects by two full collections.
	Consent, Roots, Trace, Gains bool
}

// Finding is what a recording shows.
type Finding struct{ cause.Finding }

// WriteJSON writes it for programs.
func (f *Finding) WriteJSON(w io.Writer) error { return writeJSON(w, f) }

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// WriteText writes it for a terminal.
func (f *Finding) WriteText(w io.Writer) error {
	_, err := fmt.Fprintln(w, strings.Join(f.Lines(), "\n"))
	return err
}

// Record records the cause of a leak, or reads what somebody else records.
func Record(ctx context.Context, o RecordOptions, progress io.Writer) (*Finding, error) {
	kind := cause.Kind(o.Kind)
	if cause.Settings(kind, cause.Options{}) == nil {
		return nil, fmt.Errorf("--kind %q: must be one of %s", o.Kind, strings.Join(Kinds(), ", "))
	}
	if (cause.Options{}).Counts(kind) && o.Gains {
		return nil, fmt.Errorf("--gains: not of --kind %s", kind)
	}
	t, err := open(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	defer t.close()
	const cost = "a recording of JFR makes the JVM use 12 to 20 MiB for good (31 with --trace), and about a second of CPU time the first time"
	if !o.Consent {
		return nil, fmt.Errorf("%s\n  fix: if that is acceptable, add --yes", cost)
	}
	left, err := evidence.CheckRoom(&t.before)
	if err != nil {
		return nil, err
	}
	options := cause.Options{Trace: o.Trace, Gains: o.Gains}
	if o.Roots {
		options.Roots = jvmevidence.MaxRoots
	}
	var found *cause.Finding
	err = t.use(ctx, func(p *jvm.Process) error {
		recording, theirs, err := jvmevidence.StartRecording(ctx, p, kind, options, o.Duration)
		if err != nil {
			return err
		}
		if found = theirs; found != nil {
			fmt.Fprintln(progress, "somebody else records: what follows is what that recording shows so far")
			return nil
		}
		fmt.Fprintf(progress, "recording for %s: %s\n", o.Duration, cost)
		looked := await(ctx, p, recording, o.Duration, roomLeft(o.Proc, t.jvm.PID, left), progress)
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout) // also after Ctrl-C
		defer cancel()
		if found, err = recording.Stop(stopping, p); looked != nil {
			found, err = looked, nil // the recording ends by itself
		}
		return err
	})
	if err != nil {
		return nil, withFix(err)
	}
	return &Finding{*found}, nil
}

// KindInternal is the kind that no recording shows: what HotSpot itself allocates.
const KindInternal = string(rows.VerdictJVMInternal)

// Internal is where in HotSpot memory was allocated.
type Internal struct {
	Lines []string `json:"lines"` // for people
}

// WriteJSON writes it for programs.
func (i *Internal) WriteJSON(w io.Writer) error { return writeJSON(w, i) }

// WriteText writes it for a terminal.
func (i *Internal) WriteText(w io.Writer) error {
	_, err := fmt.Fprintln(w, strings.Join(i.Lines, "\n"))
	return err
}

// CompareInternal reports where in HotSpot memory is allocated in a time. It needs no consent:
// nothing is recorded.
func CompareInternal(ctx context.Context, o RecordOptions, progress io.Writer) (*Internal, error) {
	t, err := open(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	defer t.close()
	fmt.Fprintf(progress, "the JVM is queried twice, %s apart\n", o.Duration)
	var found Internal
	err = t.use(ctx, func(p *jvm.Process) (err error) {
		found.Lines, err = evidence.CompareInternal(ctx, p, o.Duration)
		return err
	})
	if err != nil {
		return nil, withFix(err)
	}
	return &found, nil
}

// roomLeft returns what reads what is left to a container's limit, by what the JVM has taken since so
// much was left; 0 once the JVM has ended.
func roomLeft(procfs string, pid int, left int64) func() int64 {
	before, _ := proc.ReadStatus(procfs, pid) // the next one fails too
	return func() int64 {
		now, err := proc.ReadStatus(procfs, pid)
		if err != nil {
			return 0
		}
		return left - (now.RssAnonBytes - before.RssAnonBytes)
	}
}

// await waits for the end of a recording, or until a look at it names a line: then it returns
// what it saw.
func await(ctx context.Context, p *jvm.Process, recording *jvmevidence.Recording, d time.Duration, left func() int64, progress io.Writer) *cause.Finding {
	end := time.After(d)
	var room evidence.Room
	for next := time.Now().Add(jvmevidence.LookInterval(d)); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-end:
			return nil
		case <-time.After(roomPoll):
		}
		look, stop := room.Take(left())
		switch {
		case stop:
			fmt.Fprintln(progress, "the recording ends now: the limit is near")
			return nil
		case !recording.Sampled() || !look && time.Now().Before(next):
			continue
		}
		next = time.Now().Add(jvmevidence.LookInterval(d))
		found, err := recording.Look(ctx, p)
		switch {
		case err != nil:
			fmt.Fprintf(progress, "what it shows so far could not be read: %v\n", err)
		case len(found.Causes) > 0:
			return found
		default:
			fmt.Fprintf(progress, "so far no line of code is named: %s\n", found.Reason)
		}
	}
}

// withFix appends what the user can change.
func withFix(err error) error {
	var e *attach.Error
	if errors.As(err, &e) && e.Fix != "" {
		return fmt.Errorf("%w\n  fix: %s", err, e.Fix)
	}
	return err
}

// Kinds returns the kinds of leak that jvmem evidence can show the cause of.
func Kinds() []string {
	var all []string
	for _, k := range []cause.Kind{cause.Threads, cause.ClassLoader, cause.Heap, cause.DirectBuffers, cause.MappedFiles, cause.Zip, cause.Native, cause.Sockets} {
		all = append(all, string(k))
	}
	return append(all, KindInternal)
}
