package sample

import (
	"errors"
	"slices"
	"time"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/resident"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// light is the light reading of a container: from files that are open, always the same
// few numbers whatever the size of the JVM, without allocating anything.
type light struct {
	memory     cgroup.Reading
	names      []string // of series, with their values
	values     []int64
	sampled    []int64 // the values after the last sample
	unrecorded bool    // by Still, just now: Record need not read them again
}

// Still reports whether nothing has moved in any container of the report since the last sample,
// as far as light readings show, and that sample got its answers. They do not show what a JVM frees and
// malloc retains, nor new processes that take no memory. What it read the next Record adds.
func (s *Sampler) Still(r *breakdown.Report) bool {
	silent := func(j breakdown.JVM) bool { return j.Responded != nil && !*j.Responded }
	for i := range r.Containers {
		of := &r.Containers[i]
		c := s.containers[of.Path()]
		if c == nil || c.busy() || slices.ContainsFunc(of.JVMs, silent) || !c.still() {
			return false
		}
	}
	return len(r.Containers) > 0
}

// still takes the light reading as far as it shows that nothing has moved.
func (c *container) still() bool {
	c.light.clear()
	c.readMemory()
	if !c.light.still() || c.readJVMs() != nil || !c.light.still() || len(c.light.values) < len(c.light.sampled) {
		return false
	}
	c.light.unrecorded = true
	return true
}

// still reports whether the values so far differ from those after the last sample by no more than what
// the counts of a sample may differ to be used again.
func (l *light) still() bool {
	if len(l.sampled) < len(l.values) {
		return false
	}
	tolerance := resident.Policy{}.Tolerance(l.memory.UsageBytes)
	for i, name := range l.names {
		moved := max(l.values[i]-l.sampled[i], l.sampled[i]-l.values[i])
		switch name {
		case history.CPUMillis, history.StalledMillis, history.RefaultBytes, history.MajorFaults: // they move at rest
		case history.Usage, history.WorkingSet, history.Reclaimable, history.Unreclaimable, history.OldUsed:
			if moved > tolerance {
				return false
			}
		default:
			if moved > 0 {
				return false
			}
		}
	}
	return true
}

// Record takes a light reading of each container of the report, the last one, and adds
// it to the history. The error joins those of readings and of the history.
func (s *Sampler) Record(h *history.Store, r *breakdown.Report) error {
	var err error
	for i := range r.Containers {
		of := &r.Containers[i]
		c := s.containers[of.Path()]
		if c == nil {
			continue
		}
		if !c.light.unrecorded {
			if e := c.readLight(); e != nil {
				err = e
			}
		}
		c.light.unrecorded = false
		if len(c.light.names) > 0 {
			if e := h.AddReading(of, time.Now(), c.light.names, c.light.values); e != nil {
				err = e
			}
		}
	}
	return err
}

// readLight takes the light reading of the container. While it is being read in full, its
// JVMs are left out.
func (c *container) readLight() error {
	c.light.clear()
	c.readMemory()
	if c.busy() {
		return nil
	}
	return c.readJVMs()
}

func (l *light) clear() { l.names, l.values, l.unrecorded = l.names[:0], l.values[:0], false }

func (c *container) readMemory() {
	l := &c.light
	if c.group == nil || c.group.Read(&l.memory) != nil {
		return // removed: the end of its JVMs is reported
	}
	r := &l.memory
	l.put(history.Usage, r.UsageBytes, true)
	workingSet, known := r.WorkingSetBytes()
	l.put(history.WorkingSet, workingSet, known)
	reclaimable, known := r.ReclaimableBytes()
	l.put(history.Reclaimable, reclaimable, known)
	if known {
		l.put(history.Unreclaimable, *rows.Unreclaimable(&r.UsageBytes, &reclaimable), true)
	}
	l.putKnown(history.Limit, r.LimitBytes)
	l.putKnown(history.OOMKills, r.OOMKills)
	l.putKnown(history.RefaultBytes, r.RefaultBytes)
	l.putKnown(history.MajorFaults, r.MajorFaults)
	if r.StalledMicros != nil {
		l.put(history.StalledMillis, *r.StalledMicros/1000, true)
	}
}

func (c *container) readJVMs() error {
	var err error
	for _, m := range c.jvms {
		if m.light == nil {
			light, e := m.process.LightReading()
			if e != nil {
				if !errors.Is(e, jvm.ErrGone) {
					err = e
				}
				continue
			}
			m.light = light
		}
		m.light.Read()
	}
	c.sum(history.Threads, (*jvm.LightReading).Threads)
	c.sum(history.Classes, (*jvm.LightReading).Classes)
	c.sum(history.OldUsed, (*jvm.LightReading).OldUsedBytes)
	c.sum(history.GCMillis, (*jvm.LightReading).CollectionMillis)
	c.sum(history.GCCPUMillis, (*jvm.LightReading).CollectionCPUMillis)
	c.sum(history.OldCollections, (*jvm.LightReading).OldCollections)
	c.sum(history.CPUMillis, (*jvm.LightReading).CPUMillis)
	return err
}

// sum adds the sum over the JVMs, if each of them reports its part.
func (c *container) sum(name string, read func(*jvm.LightReading) (int64, bool)) {
	var sum int64
	for _, m := range c.jvms {
		if m.light == nil {
			return
		}
		n, known := read(m.light)
		if !known {
			return
		}
		sum += n
	}
	c.light.put(name, sum, len(c.jvms) > 0)
}

// putKnown adds a value, nil if it is not known.
func (l *light) putKnown(name string, value *int64) {
	if value != nil {
		l.put(name, *value, true)
	}
}

func (l *light) put(name string, value int64, known bool) {
	if known {
		l.names, l.values = append(l.names, name), append(l.values, value)
	}
}
