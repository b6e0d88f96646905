package sample

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// ErrStarting means that there is a JVM, and that it did not answer yet: it is starting, or hangs.
var ErrStarting = errors.New("no JVM has answered yet")

// ErrNoJVM means that no process is a HotSpot JVM.
var ErrNoJVM = errors.New("no HotSpot JVM in this PID namespace")

// Options select what is observed.
type Options struct {
	Proc string // "/proc"
	// PID observes only this process; 0: every JVM in the PID namespace.
	PID int
	// ContainerName is the name of the JVM's container where kubelet did not start it; see
	// names for which container gets it.
	ContainerName string
	Pod           *breakdown.Pod
	// Patience is how long Sample waits for a container, so that one whose JVM does not
	// answer delays no other; 0: until every container has been read.
	Patience time.Duration
}

const (
	// readDeadline bounds the queries to the JVMs of one container in one reading. What
	// needs no answer is still read after it.
	readDeadline = 15 * time.Second
	// lendDeadline bounds the queries of Lend: a class histogram takes long.
	lendDeadline = time.Minute
	// maxReads is how many containers are read at the same time.
	maxReads = 8
	// closeGrace is how long Close waits for a reading that does not end.
	closeGrace = time.Second
)

// Sampler reads containers side by side, each in a goroutine of its own. It keeps the state
// that does not change between two samples. Its methods are for one goroutine at a time.
type Sampler struct {
	options Options
	cgroups cgroup.FS
	ctx     context.Context // of the readings
	stop    context.CancelFunc
	slots   chan struct{}
	late    chan struct{}
	nonJVMs *proc.NonJVMs
	names   names
	podUID  *string // jvmem's own pod, "": unknown; nil: not read yet

	settled map[int]settled // of the processes in nonJVMs

	jvms       map[int]*member
	containers map[cgroup.Path]*container
	// unopened are the processes that could not be opened by the last sample.
	unopened []jvm.Source
}

// New returns a Sampler. It reads nothing yet.
func New(o Options) *Sampler {
	s := &Sampler{
		options: o, cgroups: cgroup.FS{Proc: o.Proc}, slots: make(chan struct{}, maxReads), late: make(chan struct{}, 1),
		nonJVMs: proc.NewNonJVMs(o.Proc), names: names{name: o.ContainerName}, settled: make(map[int]settled),
		jvms: make(map[int]*member), containers: make(map[cgroup.Path]*container),
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Close cancels the readings and releases all descriptors. Those of a reading that does
// not end, because the kernel blocks it, are left open.
func (s *Sampler) Close() error {
	s.stop()
	timeout := time.After(closeGrace)
	var errs []error
	for _, c := range s.containers {
		if c.busy() {
			select {
			case r := <-c.done:
				c.take(r, 0)
			case <-timeout:
				errs = append(errs, fmt.Errorf("container %s is still being read", c.path))
				for _, m := range c.jvms {
					delete(s.jvms, m.pid)
				}
				continue
			}
		}
		errs = append(errs, c.closeGroup())
	}
	for _, m := range s.jvms {
		errs = append(errs, m.close())
	}
	clear(s.jvms)
	clear(s.containers)
	return errors.Join(errs...)
}

// Sample reads every container once and waits for them, for Patience. A container that
// is still being read is reported with its previous values; see breakdown.Container.ReadAt.
// The sources of the report state what could not be read. With an error the report has
// no container, and its sources have the reason.
func (s *Sampler) Sample(ctx context.Context) (breakdown.Report, error) {
	begun := time.Now()
	err := s.read(ctx)
	r := s.report(begun, err)
	if err == nil && len(r.Containers) == 0 {
		err = s.nothing()
		r = s.report(begun, err)
	}
	return r, err
}

// Late returns a channel that receives when a reading has ended for which Sample did not
// wait.
func (s *Sampler) Late() <-chan struct{} { return s.late }

// TakeLate returns a report with the readings that have ended since the last one; false:
// there are none. The other containers are reported as they were.
func (s *Sampler) TakeLate() (breakdown.Report, bool) {
	taken := false
	for _, c := range s.containers {
		c.fresh = c.poll(s.options.Patience)
		taken = taken || c.fresh
	}
	if !taken {
		return breakdown.Report{}, false
	}
	r := s.report(time.Now(), nil)
	r.SampleSeconds = nil
	return r, len(r.Containers) > 0
}

// Read reads the facts of every container that runs a JVM, in the order of their PIDs.
// The error is about those that could not be read: there may be others.
func (s *Sampler) Read(ctx context.Context) ([]breakdown.Facts, error) {
	if err := s.read(ctx); err != nil {
		return nil, err
	}
	var all []breakdown.Facts
	for _, c := range s.sorted() {
		all = append(all, *c.facts)
	}
	if len(all) == 0 {
		return nil, s.nothing()
	}
	return all, nil
}

// nothing returns why there is no container to report on.
func (s *Sampler) nothing() error {
	for _, c := range s.containers {
		if c.busy() && !c.ended {
			return ErrStarting
		}
	}
	var errs []error
	for _, source := range s.unread() {
		errs = append(errs, fmt.Errorf("process %d: %s", source.PID, source.Reason))
	}
	switch {
	case len(errs) > 0:
		return errors.Join(errs...)
	case s.options.PID != 0:
		return fmt.Errorf("process %d: %w while it was read", s.options.PID, jvm.ErrGone)
	}
	return ErrNoJVM
}

// read starts to read the containers and waits for them.
func (s *Sampler) read(ctx context.Context) error {
	entries, err := proc.List(s.options.Proc)
	if err != nil {
		return err
	}
	pids := proc.PIDsOf(entries)
	if err := s.follow(entries, pids); err != nil {
		return err
	}
	s.group(pids)
	var due []*container
	for _, c := range s.containers {
		c.fresh, c.light.unrecorded = c.poll(s.options.Patience), false
		if !c.busy() && !c.fresh {
			due = append(due, c)
		}
	}
	if len(due) == 1 && s.options.Patience == 0 { // a goroutine wakes threads only to be waited for
		due[0].readHere(ctx, s.options.Proc)
		return ctx.Err()
	}
	for _, c := range due {
		s.start(c, readDeadline, func(ctx context.Context, j job) result {
			j.walk = s.options.Patience == 0 // else Walk does
			return j.read(ctx)
		})
	}
	return s.wait(ctx)
}

// start runs f with the JVMs of a container, which is not read meanwhile.
func (s *Sampler) start(c *container, deadline time.Duration, f func(context.Context, job) result) {
	j := c.job(s.options.Proc)
	done := make(chan result, 1)
	c.done, c.begun = done, time.Now()
	go func() {
		s.slots <- struct{}{}
		ctx, cancel := context.WithTimeout(s.ctx, deadline)
		r := f(ctx, j)
		cancel()
		<-s.slots
		done <- r
		select {
		case s.late <- struct{}{}:
		default:
		}
	}()
}

// wait waits for the containers, for Patience. It does not wait for those that it had to
// give up on the last time.
func (s *Sampler) wait(ctx context.Context) error {
	var timeout <-chan time.Time
	if s.options.Patience > 0 {
		timer := time.NewTimer(s.options.Patience)
		defer timer.Stop()
		timeout = timer.C
	}
	expired := false
	for _, c := range s.containers {
		for c.busy() && !c.slow && !expired {
			select {
			case r := <-c.done:
				c.fresh = c.take(r, s.options.Patience)
			case <-timeout:
				expired = true
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	for _, c := range s.containers {
		if c.busy() {
			c.fresh = c.poll(s.options.Patience)
			c.slow = !c.fresh
		}
	}
	return ctx.Err()
}

// report builds a report of the latest facts.
func (s *Sampler) report(begun time.Time, err error) breakdown.Report {
	r := breakdown.Report{Schema: breakdown.Schema, Time: begun, Pod: s.options.Pod, Containers: []breakdown.Container{}}
	if err != nil {
		r.Sources = []jvm.Source{sourceOf(err)}
		r.Sources = append(r.Sources, s.unread()...)
		return r
	}
	r.Sources = s.unread()
	for _, c := range s.sorted() {
		of := *c.of
		of.Name = c.facts.Name
		of.Sources = slices.Clip(of.Sources) // the next report appends to them too
		if !c.fresh {
			of.ReadAt = new(c.readAt.UTC())
		}
		if c.busy() && !c.walk.running {
			of.Sources = append(of.Sources, c.notAnswering(time.Now()))
		}
		r.Containers = append(r.Containers, of)
	}
	if source := s.names.source(); source != nil {
		r.Sources = append(r.Sources, *source)
	}
	r.SampleSeconds = new(time.Since(begun).Seconds())
	return r
}

// unread returns a source for each process that is not reported, with the reason.
func (s *Sampler) unread() []jvm.Source {
	all := slices.Clone(s.unopened)
	for _, c := range s.containers {
		switch {
		case c.ended:
		case c.facts == nil && c.busy() && c.slow:
			all = append(all, c.notAnswering(time.Now()))
		case c.facts != nil && len(c.facts.JVMs) == 0:
			for _, source := range c.facts.Sources {
				if source.Name == processes {
					all = append(all, source)
				}
			}
		}
	}
	return all
}

// sorted returns the containers of which there are facts, in the order of their PIDs.
// Those whose JVMs have ended are left out: their replacements may be there already.
func (s *Sampler) sorted() []*container {
	var all []*container
	for _, c := range s.containers {
		if c.facts != nil && len(c.facts.JVMs) > 0 && !c.ended {
			c.facts.Name = s.nameOf(c)
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *container) int { return a.facts.JVMs[0].PID - b.facts.JVMs[0].PID })
	return all
}
