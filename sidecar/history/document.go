package history

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// Schema is the version of the JSON form. Fields may be added, none is renamed.
const Schema = "jvmem.history/v1"

// Document is a copy of a history.
type Document struct {
	Schema string `json:"schema"`
	// Time is when it was copied.
	Time       time.Time      `json:"time"`
	Pod        *breakdown.Pod `json:"pod,omitempty"`
	Containers []*Container   `json:"containers"`
}

// Document returns the history from a time on. With step > 0 it has one track with steps
// of at least that length; with 0, all tracks.
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

// merged combines all tracks into one, each for the time that no finer one covers.
func (c *Container) merged(since, step int64) *Track {
	out := &Track{StepMillis: step}
	for k, t := range c.Tracks {
		names := slices.Collect(maps.Keys(t.Series))
		for i := range c.covered(k, "") {
			if t.Times[i] >= since {
				out.add(t.Times[i], names, func(n int) Point { return t.Series[names[n]].At(i) })
			}
		}
	}
	return out
}

// Between returns the finest track from a time to another one.
func (c *Container) Between(from, to time.Time) *Track {
	t := c.Tracks[len(c.Tracks)-1].resampled(from.UnixMilli(), 0)
	t.cutAfter(to.UnixMilli())
	return t
}

// covered returns how many steps of a track come before the finer ones, for a series.
func (c *Container) covered(track int, name string) int {
	times := c.Tracks[track].Times
	n := len(times)
	for k := track + 1; k < len(c.Tracks); k++ {
		if finer := c.Tracks[k].Times; len(finer) > 0 {
			i, _ := slices.BinarySearch(times, finer[c.begin(k, name)])
			n = min(n, i)
		}
	}
	return n
}

// begin returns the step from which on a track counts for a series. Older readings were
// dropped to make room for samples. Where samples are rarer than the steps of the coarser
// track, that one has more of the series that readings have.
func (c *Container) begin(track int, name string) int {
	t := c.Tracks[track]
	column, generation := t.Series[name], t.Series[JVMGeneration]
	if track == 0 || column == nil {
		return 0
	}
	coarser := c.Tracks[track-1]
	i := slices.Index(generation.last(), Unknown) // the oldest reading
	if i < 2 || i >= len(t.Times) || column.At(i).Last == Unknown || len(coarser.Times) == 0 || coarser.Times[0] > t.Times[0]+coarser.StepMillis {
		return 0
	}
	if (t.Times[i]-t.Times[0])/int64(i) <= coarser.StepMillis {
		return 0
	}
	return i
}

// Points yields the known points of a series with their times, in order.
func (c *Container) Points(name string) iter.Seq2[int64, Point] {
	return c.PointsSince(name, math.MinInt64)
}

// PointsSince yields those from a time on, in milliseconds since 1970.
func (c *Container) PointsSince(name string, from int64) iter.Seq2[int64, Point] {
	return func(yield func(int64, Point) bool) {
		for k, t := range c.Tracks {
			column := t.Series[name]
			if column == nil {
				continue
			}
			times := t.Times[:c.covered(k, name)]
			first, _ := slices.BinarySearch(times, from)
			for i := max(first, c.begin(k, name)); i < len(times); i++ {
				if p := column.At(i); p.Last != Unknown && !yield(times[i], p) {
					return
				}
			}
		}
	}
}

// JVM returns what is recorded of one of several JVMs, under the names that the sums over all of them
// have. What else the container uses is not known of one JVM.
func (c *Container) JVM(j *breakdown.JVM) *Container {
	one := *c
	one.JVMs, one.Tracks = []breakdown.JVM{*j}, make([]*Track, 0, len(c.Tracks))
	prefix := OfJVM(j.PID, "")
	for _, t := range c.Tracks {
		series := map[string]*Column{JVMGeneration: t.Series[JVMGeneration]}
		for name, column := range t.Series {
			if of, ok := strings.CutPrefix(name, prefix); ok {
				series[of] = column
			}
		}
		one.Tracks = append(one.Tracks, &Track{StepMillis: t.StepMillis, Times: t.Times, Series: series})
	}
	return &one
}

// Latest returns the value of a series at the latest sample or reading; nil: it was
// unknown then.
func (c *Container) Latest(name string) *int64 {
	t := c.Tracks[len(c.Tracks)-1]
	p := t.Series[name].At(len(t.Times) - 1)
	if p.Last == Unknown {
		return nil
	}
	return &p.Last
}

// Names returns the names of all series that begin with a prefix, sorted.
func (c *Container) Names(prefix string) []string {
	names := make(map[string]bool)
	for _, t := range c.Tracks {
		for name := range t.Series {
			if strings.HasPrefix(name, prefix) {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// maxDocument bounds the input of Read. A full history of maxContainers has some 20 MB.
const maxDocument = 64 << 20

// Read reads a document that WriteJSON wrote, of this version or an earlier one, which gzip may have
// compressed.
func Read(r io.Reader) (*Document, error) {
	buffered := bufio.NewReader(r)
	r = buffered
	if head, _ := buffered.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) { // RFC 1952
		plain, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("not a history: %w", err)
		}
		r = plain
	}
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
		return nil, fmt.Errorf("schema %q: want %s, as GET /history returns", d.Schema, Schema)
	}
	for i, c := range d.Containers {
		if c == nil || len(c.Tracks) == 0 {
			return nil, fmt.Errorf("container %d has no tracks", i)
		}
		c.Name, c.ID = jvm.Printable(c.Name, 2*maxName), jvm.Printable(c.ID, 2*maxName)
		for _, t := range c.Tracks {
			if t == nil || !t.check() {
				return nil, fmt.Errorf("container %d: series and times do not match", i)
			}
			t.clean()
		}
	}
	return &d, nil
}
