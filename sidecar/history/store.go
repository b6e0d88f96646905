package history

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// finePoints and coarsePoints are the length of the tracks of one container. With
	// maxSeries they take less than 4 MiB, which several containers share.
	finePoints, coarsePoints = 360, 1440
	// minFine is the number of samples that a diagnosis needs of each.
	minFine = 90
	// maxEnded is how many containers that ended are kept, maxContainers how many in
	// all: further ones of a report are left out.
	maxEnded, maxContainers = 3, 16
)

// Container is the history of one container.
type Container struct {
	rows.Identity
	// JVMs are those of the last sample, without their threads.
	JVMs []breakdown.JVM `json:"jvms,omitempty"`
	// Missing are the unknown rows of the last sample.
	Missing []string `json:"missing,omitempty"`
	// Sources are those of the last sample that failed.
	Sources []jvm.Source `json:"sources,omitempty"`
	// Tracks cover the time from the oldest to now, the coarser ones first. Where they
	// overlap the finer one counts.
	Tracks []*Track `json:"tracks"`

	err error // of the last write to the folder
}

// Options configure how much is kept, and where.
type Options struct {
	Retention time.Duration
	// Dir is a folder that outlives a restart; "": in memory only.
	Dir string
}

// Store keeps the histories of containers. Its methods may be called concurrently.
type Store struct {
	options Options

	mu         sync.Mutex
	containers []*Container // the one with the oldest last sample first
	disk       *disk        // nil: in memory only
	last       time.Time    // of the last report or reading
}

// Open returns a Store with the history in the folder. The error is about the folder; the
// Store works in any case, if need be in memory only.
func Open(o Options) (*Store, error) {
	s := &Store{options: o}
	if o.Dir == "" {
		return s, nil
	}
	var err error
	s.disk, err = openDisk(o.Dir)
	return s, errors.Join(err, s.load(time.Now().Add(-o.Retention).UnixMilli()))
}

// Close writes the steps that are not complete yet.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.containers {
		c.err = s.write(c, len(c.coarse().Times)-1)
	}
	if s.disk != nil && s.disk.file != nil {
		s.disk.close()
	}
	return s.failure()
}

// failure returns the error of a container whose last write failed.
func (s *Store) failure() error {
	for _, c := range s.containers {
		if c.err != nil {
			return c.err
		}
	}
	return nil
}

// Add adds a report. The error is that of the last write to the folder; the history in
// memory is not affected.
func (s *Store) Add(r *breakdown.Report) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(r.Containers)
	s.follow(r.Time)
	for i := range r.Containers {
		c := s.container(&r.Containers[i])
		if c == nil || r.Containers[i].ReadAt != nil { // it was not read again
			continue
		}
		sample := sampleOf(&r.Containers[i])
		s.add(c, r.Time, sample.names, sample.values)
	}
	return s.failure()
}

// AddReading adds a few series of a container between two reports, if it was in one. The
// other series are unknown at that time, including JVMGeneration: that is how a reading
// differs from a sample. It allocates nothing once the history has its full length, and
// keeps neither names nor values. The error is that of the last write, as of Add.
func (s *Store) AddReading(of *breakdown.Container, at time.Time, names []string, values []int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.follow(at)
	for _, c := range s.containers {
		if c.Same(of.Identity) {
			s.add(c, at, names, values)
		}
	}
	return s.failure()
}

func (s *Store) add(c *Container, at time.Time, names []string, values []int64) {
	point := func(i int) Point { return Point{values[i], values[i], values[i]} }
	now := at.UnixMilli()
	if last, ok := c.LastTime(); ok && now < last.UnixMilli() {
		c.shift(now - 1 - last.UnixMilli())
	}
	c.Tracks[1].add(now, names, point)
	if c.coarse().add(now, names, point) {
		c.err = s.write(c, len(c.coarse().Times)-2)
	}
}

func (c *Container) coarse() *Track { return c.Tracks[0] }

// leastStep is far above what a clock is slewed between two samples.
const leastStep = time.Second

// stepped returns by how much the wall clock was set, forward or back, between two times
// with a monotonic clock reading; 0 where one has none.
func stepped(before, now time.Time) time.Duration {
	step := now.Round(0).Sub(before.Round(0)) - now.Sub(before)
	if step.Abs() < leastStep {
		return 0
	}
	return step
}

// follow shifts all histories with a clock that was set.
func (s *Store) follow(at time.Time) {
	if step := stepped(s.last, at); step != 0 {
		for _, c := range s.containers {
			c.shift(step.Milliseconds())
		}
	}
	s.last = at
}

// shift moves the history in time after the clock was set: what was an hour ago still
// was.
func (c *Container) shift(millis int64) {
	for _, t := range c.Tracks {
		for i := range t.Times {
			t.Times[i] += millis
		}
	}
}

// LastTime is the time of the last sample or reading.
func (c *Container) LastTime() (at time.Time, ok bool) {
	for i := len(c.Tracks) - 1; i >= 0; i-- {
		if times := c.Tracks[i].Times; len(times) > 0 {
			return time.UnixMilli(times[len(times)-1]).UTC(), true
		}
	}
	return time.Time{}, false
}

// forget drops the ended containers that are too many, those that ended first.
func (s *Store) forget(live []breakdown.Container) {
	room := min(maxEnded, max(0, maxContainers-len(live)))
	before := len(s.containers)
	for i := len(s.containers) - 1; i >= 0; i-- {
		if slices.ContainsFunc(live, func(of breakdown.Container) bool { return s.containers[i].Same(of.Identity) }) {
			continue
		}
		s.containers[i].err = nil // it is no longer written
		if room--; room < 0 {
			s.containers = slices.Delete(s.containers, i, i+1)
		}
	}
	if len(s.containers) < before {
		s.share()
	}
}

// container returns the history of a container, with its present description; nil if there
// is no room for it.
func (s *Store) container(of *breakdown.Container) *Container {
	i := slices.IndexFunc(s.containers, func(c *Container) bool { return c.Same(of.Identity) })
	var c *Container
	switch {
	case i >= 0:
		c = s.containers[i]
		s.containers = append(slices.Delete(s.containers, i, i+1), c)
	case len(s.containers) == maxContainers:
		return nil
	default:
		c = &Container{Identity: of.Identity, Tracks: []*Track{{}, {}}}
		s.containers = append(s.containers, c)
		s.share()
	}
	c.Name = cmp.Or(of.Name, c.Name)
	c.JVMs = slices.Clone(of.JVMs)
	for i := range c.JVMs {
		c.JVMs[i].Threads.Pools = nil
	}
	c.Missing = nil
	for i := range of.Memory {
		if of.Memory[i].Bytes == nil {
			c.Missing = append(c.Missing, string(of.Memory[i].Name))
		}
	}
	c.Sources = nil
	for _, source := range of.Sources {
		if !source.OK {
			c.Sources = append(c.Sources, source)
		}
	}
	return c
}

// share divides the budget between the containers.
func (s *Store) share() {
	n := max(1, len(s.containers))
	coarse := coarsePoints / n
	step := max(s.options.Retention.Milliseconds()/int64(coarse), 1)
	for _, c := range s.containers {
		c.Tracks[1].most = max(finePoints/n, minFine)
		if t := c.coarse(); t.StepMillis != step {
			c.Tracks[0] = t.resampled(0, step)
			c.Tracks[0].StepMillis, c.Tracks[0].most = step, coarse
		}
	}
}

// Container calls f with the history of the container, if there is one. f must not keep
// it.
func (s *Store) Container(of *breakdown.Container, f func(*Container)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.containers {
		if c.Same(of.Identity) {
			f(c)
		}
	}
}

// Has reports whether there is a history of the container.
func (s *Store) Has(c rows.Identity) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.containers, func(has *Container) bool { return has.Same(c) })
}
