package cause

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm/jfr"
)

// counter counts the events of a kind.
type counter interface {
	// event is called for every event, in the order of the file.
	event(e *jfr.Event)
	// finish judges what was counted.
	finish(f *Finding)
}

// Known is what is known of a recording besides the file. The zero value is valid.
type Known struct {
	// Before is what earlier chunks of the same recording showed, if a dump ended them; nil:
	// there are none. Of what they counted only the sampled objects are in a later chunk.
	Before *Finding
	// Ended is when the recording was stopped or read; zero: as late as the recording says.
	Ended time.Time
	// Gains are those of the live objects meanwhile; nil: they were not counted.
	Gains *Gains
}

// Find reads size bytes of a recording and finds the cause of a leak. An error of the file, of
// its format or jfr.ErrBudget is returned even if some events were read: the end of a thread may
// be in the rest.
func Find(file io.ReaderAt, size int64, kind Kind, known Known) (*Finding, error) {
	source, ok := sourceOf(kind)
	if !ok {
		return nil, fmt.Errorf("no recording shows the cause of %q", kind)
	}
	wanted := source.events
	if source.calls != nil {
		wanted = append([]string{methodTrace}, wanted...)
	}
	if known.Gains != nil {
		wanted = append(slices.Clone(wanted), allocationSample, inNewTLAB, outsideTLAB)
	}
	r, err := jfr.NewReader(file, size, wanted, jfr.Budget{})
	if err != nil {
		return nil, err
	}
	var c counter
	switch kind {
	case Threads:
		c = &threadCounter{}
	case ClassLoader:
		c = &classCounter{}
	default:
		c = &objectCounter{source: source, gains: known.Gains}
	}
	counts := make(map[string]int)
	for {
		var e *jfr.Event
		if e, err = r.Next(); err != nil {
			break
		}
		counts[e.Type()]++
		c.event(e)
	}
	if !errors.Is(err, io.EOF) {
		return nil, err
	}
	info := r.Info()
	f := &Finding{Kind: kind, Causes: []Cause{}, From: info.From, To: info.To, Seen: seen(wanted, counts)}
	if before := known.Before; before != nil {
		f.From, f.OldCollected = before.From, before.OldCollected
	}
	if known.Ended.After(f.To) {
		f.To = known.Ended
	}
	c.finish(f)
	return f, nil
}

// seen lists the types of the events that were there; all that were looked for if none was.
func seen(wanted []string, counts map[string]int) string {
	list := slices.DeleteFunc(slices.Clone(wanted), func(name string) bool { return len(counts) > 0 && counts[name] == 0 })
	return strings.Join(list, ", ")
}

// least returns how long what counts must have lived.
func (f *Finding) least() time.Duration { return time.Duration(float64(f.To.Sub(f.From)) * young) }
