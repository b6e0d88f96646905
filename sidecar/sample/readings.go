package sample

import (
	"errors"
	"slices"
	"time"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/watch"
)

// Readings reads what is cheap of the containers of the last sample, from descriptors
// that are open: always the same few numbers, whatever the size of the JVM, without
// allocating anything.
type Readings struct {
	containers []*gauge
	meters     map[*cgroup.Group]*cgroup.Meter
	jvms       map[*jvm.Process]*jvm.LightReading
}

// gauge is one container.
type gauge struct {
	of    *breakdown.Container
	meter *cgroup.Meter // nil: the cgroup cannot be read
	jvms  []*jvm.LightReading

	glance cgroup.Glance
	names  []string // of series, with their values
	values []int64
}

func NewReadings() *Readings {
	return &Readings{meters: make(map[*cgroup.Group]*cgroup.Meter), jvms: make(map[*jvm.Process]*jvm.LightReading)}
}

// Follow takes the containers of a sample. The error is about what cannot be opened:
// it is not known between two samples.
func (g *Readings) Follow(r *breakdown.Report, targets []watch.Target) error {
	var errs []error
	g.containers = g.containers[:0]
	meters, jvms := make(map[*cgroup.Group]bool), make(map[*jvm.Process]bool)
	for i := range r.Containers {
		c := &gauge{of: &r.Containers[i]}
		for _, t := range targets {
			if !slices.ContainsFunc(c.of.JVMs, func(j breakdown.JVM) bool { return j.PID == t.JVM.Status().PID }) {
				continue
			}
			errs = append(errs, g.open(t))
			c.meter, meters[t.Group] = g.meters[t.Group], true
			c.jvms, jvms[t.JVM] = append(c.jvms, g.jvms[t.JVM]), true
		}
		g.containers = append(g.containers, c)
	}
	return errors.Join(append(errs, g.prune(meters, jvms))...)
}

// open opens what is not open of a target.
func (g *Readings) open(t watch.Target) error {
	var err error
	if t.Group != nil && g.meters[t.Group] == nil {
		if meter, e := t.Group.Meter(); e == nil {
			g.meters[t.Group] = meter
		} else if !errors.Is(e, cgroup.ErrGone) {
			err = e
		}
	}
	if g.jvms[t.JVM] == nil {
		if gauge, e := t.JVM.LightReading(); e == nil {
			g.jvms[t.JVM] = gauge
		} else if !errors.Is(e, jvm.ErrGone) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// prune closes what is not used any more.
func (g *Readings) prune(meters map[*cgroup.Group]bool, jvms map[*jvm.Process]bool) error {
	var errs []error
	for group, m := range g.meters {
		if !meters[group] {
			errs = append(errs, m.Close())
			delete(g.meters, group)
		}
	}
	for p, j := range g.jvms {
		if !jvms[p] {
			errs = append(errs, j.Close())
			delete(g.jvms, p)
		}
	}
	return errors.Join(errs...)
}

func (g *Readings) Close() error {
	g.containers = nil
	return g.prune(nil, nil)
}

// Note reads all containers and has it remembered. The error is the history's.
func (g *Readings) Note(h *history.Store) error {
	var err error
	for _, c := range g.containers {
		if c.read() {
			err = h.AddReading(c.of, time.Now(), c.names, c.values)
		}
	}
	return err
}

// read reads a container; false: nothing is known of it.
func (c *gauge) read() bool {
	c.names, c.values = c.names[:0], c.values[:0]
	c.readMemory()
	c.readJVMs()
	return len(c.names) > 0
}

func (c *gauge) readMemory() {
	if c.meter == nil || c.meter.Glance(&c.glance) != nil {
		return // removed: the end of its JVMs tells so
	}
	g := &c.glance
	c.put(history.Usage, g.UsageBytes, true)
	workingSet, known := g.WorkingSetBytes()
	c.put(history.WorkingSet, workingSet, known)
	reclaimable, known := g.ReclaimableBytes()
	c.put(history.Reclaimable, reclaimable, known)
	c.put(history.Unreclaimable, max(0, g.UsageBytes-reclaimable), known)
	if g.LimitBytes != nil {
		c.put(history.Limit, *g.LimitBytes, true)
	}
	if g.OOMKills != nil {
		c.put(history.OOMKills, *g.OOMKills, true)
	}
}

func (c *gauge) readJVMs() {
	for _, j := range c.jvms {
		if j != nil {
			j.Read()
		}
	}
	c.sum(history.Threads, (*jvm.LightReading).Threads)
	c.sum(history.Classes, (*jvm.LightReading).Classes)
	c.sum(history.OldUsed, (*jvm.LightReading).OldUsedBytes)
	c.sum(history.OldCollections, (*jvm.LightReading).OldCollections)
}

// sum puts the sum over the JVMs, if each of them tells its part.
func (c *gauge) sum(name string, read func(*jvm.LightReading) (int64, bool)) {
	var sum int64
	for _, j := range c.jvms {
		if j == nil {
			return
		}
		n, known := read(j)
		if !known {
			return
		}
		sum += n
	}
	c.put(name, sum, len(c.jvms) > 0)
}

func (c *gauge) put(name string, value int64, known bool) {
	if known {
		c.names, c.values = append(c.names, name), append(c.values, value)
	}
}
