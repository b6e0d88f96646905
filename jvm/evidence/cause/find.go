package cause

import (
	"errors"
	"fmt"
	"io"
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

// Find reads size bytes of a recording and finds the cause of a leak. ended is when the
// recording was stopped or read; zero: as late as the recording says. An error of the file or
// of its format is returned if nothing could be read.
func Find(file io.ReaderAt, size int64, kind Kind, ended time.Time) (*Finding, error) {
	source, ok := sources[kind]
	if !ok {
		return nil, fmt.Errorf("no recording shows the cause of %q", kind)
	}
	wanted := source.events
	if source.calls != nil {
		wanted = append([]string{methodTrace}, wanted...)
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
		c = &objectCounter{source: source}
	}
	events := 0
	for {
		var e *jfr.Event
		if e, err = r.Next(); err != nil {
			break
		}
		events++
		c.event(e)
	}
	info := r.Info()
	f := &Finding{Kind: kind, Causes: []Cause{}, From: info.From, To: info.To, Seen: seen(wanted, info.Known)}
	if ended.After(f.To) {
		f.To = ended
	}
	if !errors.Is(err, io.EOF) {
		if events == 0 {
			return nil, err
		}
		f.Notes = append(f.Notes, "the recording was not read to its end: "+err.Error())
	}
	c.finish(f)
	return f, nil
}

// seen lists the events that the JVM knows.
func seen(wanted []string, known map[string]bool) string {
	var list []string
	for _, name := range wanted {
		if known[name] {
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}

// least returns how long what counts must have lived.
func (f *Finding) least() time.Duration { return time.Duration(float64(f.To.Sub(f.From)) * young) }
