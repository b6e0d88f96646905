package history

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// Schema names the JSON form. Fields may be added to it, none is renamed.
const Schema = "jvmem.history/v1"

// Document is a history that was handed out.
type Document struct {
	Schema string `json:"schema"`
	// Time is when it was handed out.
	Time       time.Time      `json:"time"`
	Pod        *breakdown.Pod `json:"pod,omitempty"`
	Containers []*Container   `json:"containers"`
}

// Document returns what is remembered from a time on. step > 0 asks for one track
// with steps of at least that; 0 for all there is.
func (s *Store) Document(since time.Time, step time.Duration) *Document {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := &Document{Schema: Schema, Time: time.Now().UTC(), Containers: []*Container{}}
	from := since.UnixMilli()
	if since.IsZero() {
		from = math.MinInt64
	}
	for _, c := range s.containers {
		copied := *c
		copied.Tracks = nil
		if step > 0 {
			copied.Tracks = []*Track{c.merged(from, step.Milliseconds())}
		} else {
			for _, t := range c.Tracks {
				copied.Tracks = append(copied.Tracks, t.resampled(from, 0))
			}
		}
		if len(copied.Tracks[0].Times)+len(copied.Tracks[len(copied.Tracks)-1].Times) > 0 {
			d.Containers = append(d.Containers, &copied)
		}
	}
	return d
}

// merged returns one track made of all, each for the time that no finer one covers.
func (c *Container) merged(since, step int64) *Track {
	out := &Track{StepMillis: step}
	for at := range c.Steps {
		if at.Time() >= since {
			names := at.names()
			out.add(at.Time(), names, func(i int) Point { return at.At(names[i]) })
		}
	}
	return out
}

// Steps yields the steps of all tracks in the order of time, each track's for the
// time that no finer one covers.
func (c *Container) Steps(yield func(Step) bool) {
	for k, t := range c.Tracks {
		end := int64(math.MaxInt64)
		for _, finer := range c.Tracks[k+1:] {
			if len(finer.Times) > 0 {
				end = min(end, finer.Times[0])
			}
		}
		for i, time := range t.Times {
			if time >= end || !yield(Step{t, i}) {
				break
			}
		}
	}
}

// Step is the values of a container in a step of time.
type Step struct {
	track *Track
	index int
}

// Time is in milliseconds since 1970.
func (s Step) Time() int64 { return s.track.Times[s.index] }

// At returns the value of a series.
func (s Step) At(name string) Point { return s.track.Series[name].At(s.index) }

func (s Step) names() []string {
	names := make([]string, 0, len(s.track.Series))
	for name := range s.track.Series {
		names = append(names, name)
	}
	return names
}

// WriteJSON writes the document.
func (d *Document) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(d) }

// maxDocument bounds what Read takes; a full history of maxContainers has some
// 20 MB.
const maxDocument = 64 << 20

// Read reads a document that WriteJSON wrote.
func Read(r io.Reader) (*Document, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxDocument {
		return nil, fmt.Errorf("a history has at most %d MiB", maxDocument>>20)
	}
	var d Document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("not a history: %w", err)
	}
	if d.Schema != Schema {
		return nil, fmt.Errorf("schema %q: want %s, as GET /history answers", d.Schema, Schema)
	}
	for i, c := range d.Containers {
		if c == nil || len(c.Tracks) == 0 {
			return nil, fmt.Errorf("container %d has no tracks", i)
		}
		for _, t := range c.Tracks {
			if t == nil || !t.check() {
				return nil, fmt.Errorf("container %d: series and times do not match", i)
			}
		}
	}
	return &d, nil
}
