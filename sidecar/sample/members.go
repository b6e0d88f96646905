package sample

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/resident"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/watch"
)

// member is a JVM of a container.
type member struct {
	// process and light must not be used while the container is being read.
	process *jvm.Process
	light   *jvm.LightReading // nil: not opened

	pid   int
	ticks uint64 // when the process started
	uid   int
	gid   int
	path  cgroup.Path
	// started is whether it had started when the last sample began, see started.
	started bool
}

func (m *member) close() error {
	var err error
	if m.light != nil {
		err = m.light.Close()
	}
	return errors.Join(err, m.process.Close())
}

// container holds the state of the processes of one cgroup.
type container struct {
	path cgroup.Path
	// name is the one that kubelet gave it, "": unknown; named: it was looked for.
	name  string
	named bool

	jvms     []*member // by PID
	others   []int
	group    *cgroup.Group // nil: groupErr is the reason
	groupErr error
	// rest is the unattributed memory when the resident pages were last counted; nil: they
	// have to be counted.
	rest *int64

	done  <-chan result // of the current reading; nil: there is none
	begun time.Time     // when the last reading was started
	slow  bool          // the last one took longer than Sample waits
	ended bool          // its JVMs have ended during the reading
	walk  walk
	// deferred is CPU time of walks and evidence that was not reported yet.
	deferred time.Duration

	facts  *breakdown.Facts // of the last reading that ended
	of     *breakdown.Container
	readAt time.Time // when that began
	fresh  bool      // it is in no report yet, or in this one

	light light
}

// busy reports whether the container is being read.
func (c *container) busy() bool { return c.done != nil }

func (c *container) job(procfs string) job {
	j := job{
		proc: procfs, path: c.path, others: c.others, group: c.group, groupErr: c.groupErr, rest: c.rest,
		policy: resident.Policy{PageBytes: int64(os.Getpagesize())},
	}
	for _, m := range c.jvms {
		j.jvms = append(j.jvms, m.process)
	}
	return j
}

// readHere reads the container in the caller's goroutine.
func (c *container) readHere(ctx context.Context, procfs string) {
	ctx, cancel := context.WithTimeout(ctx, readDeadline)
	defer cancel()
	c.begun = time.Now()
	j := c.job(procfs)
	j.walk = true // nobody waits for the next sample
	c.fresh = c.take(j.read(ctx), 0)
}

// poll takes the reading if it has ended, and reports whether there are new facts.
func (c *container) poll(patience time.Duration) bool {
	select {
	case r := <-c.done: // nil blocks
		return c.take(r, patience)
	default:
		return false
	}
}

// take takes the result of a reading.
func (c *container) take(r result, patience time.Duration) bool {
	c.done = nil
	c.walk.running = false
	c.deferred += r.deferred
	c.rest = r.rest
	if r.gone {
		_ = c.closeGroup() // nothing was written
	}
	if r.facts == nil {
		return false
	}
	c.slow = patience > 0 && time.Since(c.begun) > patience
	c.facts, c.of, c.readAt = r.facts, r.of, c.begun
	if patience > 0 { // it is served: later light readings are compared with this one
		_ = c.readLight() // the next one has the error
		c.light.sampled = append(c.light.sampled[:0], c.light.values...)
	}
	return true
}

// closeGroup closes the cgroup. It has to be opened again: another one may have its name.
func (c *container) closeGroup() error {
	if c.group == nil {
		return nil
	}
	err := c.group.Close()
	c.group, c.rest = nil, nil
	return err
}

// follow opens the JVMs that are new and closes those that ended, except in containers
// that are being read.
func (s *Sampler) follow(entries []proc.Entry, pids []int) error {
	if s.options.PID != 0 {
		entries, pids = []proc.Entry{{PID: s.options.PID}}, []int{s.options.PID}
	}
	for pid, m := range s.jvms {
		if c := s.containers[m.path]; c != nil && c.busy() {
			continue
		}
		if !m.process.Same() {
			_ = m.close() // nothing was written
			delete(s.jvms, pid)
		}
		m.started = m.started || started(m.process.Status())
	}
	s.nonJVMs.Keep(pids)
	s.unopened = nil
	for _, e := range entries {
		pid := e.PID
		if s.jvms[pid] != nil || s.nonJVMs.Still(e) {
			continue
		}
		p, err := jvm.Open(s.options.Proc, pid)
		switch {
		case err == nil:
			status := p.Status()
			s.jvms[pid] = &member{process: p, pid: pid, ticks: status.StartTicks, uid: status.UID, gid: status.GID, started: started(status)}
		case s.options.PID != 0:
			return err
		case errors.Is(err, jvm.ErrNotJVM):
			s.nonJVMs.Add(pid)
		case errors.Is(err, jvm.ErrGone):
		default:
			s.unopened = append(s.unopened, processSource(pid, err))
		}
	}
	return nil
}

// group groups the processes by container. Only containers with a JVM count.
func (s *Sampler) group(pids []int) {
	paths := s.paths(pids)
	for _, c := range s.containers {
		if !c.busy() {
			c.jvms = nil
		}
	}
	for pid, m := range s.jvms {
		if c := s.containers[m.path]; c != nil && c.busy() && slices.Contains(c.jvms, m) {
			continue
		}
		path, runs := paths[pid]
		if !runs {
			_ = m.close() // nothing was written
			delete(s.jvms, pid)
			continue
		}
		m.path = path
		c := s.containers[m.path]
		switch {
		case c == nil:
			c = &container{path: m.path}
			s.containers[m.path] = c
		case c.busy(): // it joins when that ends
			continue
		}
		c.jvms = append(c.jvms, m)
	}
	running := make(map[cgroup.Path]bool)
	for path, c := range s.containers {
		c.ended = !slices.ContainsFunc(c.jvms, func(m *member) bool {
			of, runs := paths[m.pid]
			return runs && of == path
		})
		if !c.ended {
			running[path] = true
		}
		if c.busy() {
			continue
		}
		if len(c.jvms) == 0 {
			_ = c.closeGroup() // nothing was written
			delete(s.containers, path)
			continue
		}
		slices.SortFunc(c.jvms, func(a, b *member) int { return cmp.Compare(a.pid, b.pid) })
		c.others = nil
		for pid, of := range paths {
			own := s.jvms[pid] != nil && of == path
			if path != (cgroup.Path{}) && !own && of.Within(path) {
				c.others = append(c.others, pid)
			}
		}
		slices.Sort(c.others)
		if c.group == nil {
			c.group, c.groupErr = s.cgroups.Open(c.jvms[0].pid)
		}
		s.readName(c)
	}
	s.names.update(running, paths)
}

// settled is the cgroup of a process that is no JVM. It is read again when nonJVMs adds the
// process again, which is in at most every sixth sample: such a process hardly ever moves.
type settled struct {
	added int
	path  cgroup.Path
}

// paths returns the cgroups of the processes that have not ended: of a JVM whose cgroup
// cannot be read the last one that could, else the zero Path.
func (s *Sampler) paths(pids []int) map[int]cgroup.Path {
	paths := make(map[int]cgroup.Path, len(pids))
	maps.DeleteFunc(s.settled, func(pid int, of settled) bool {
		added, ok := s.nonJVMs.Added(pid)
		return !ok || added != of.added
	})
	for _, pid := range pids {
		if of, ok := s.settled[pid]; ok {
			paths[pid] = of.path
			continue
		}
		path, err := s.cgroups.PathOf(pid)
		switch m := s.jvms[pid]; {
		case err == nil:
			paths[pid] = path
			if added, ok := s.nonJVMs.Added(pid); ok {
				s.settled[pid] = settled{added, path}
			}
		case m != nil && !errors.Is(err, cgroup.ErrGone):
			paths[pid] = m.path
		}
	}
	return paths
}

// Targets returns the JVMs of the last sample, to be watched until the next one.
func (s *Sampler) Targets() []watch.Target {
	var all []watch.Target
	for _, m := range s.jvms {
		t := watch.Target{PID: m.pid, StartTicks: m.ticks}
		if c := s.containers[m.path]; c != nil {
			t.Group, t.Name = c.group, s.nameOf(c)
			if c.facts != nil && c.facts.Memory != nil {
				t.LimitBytes = c.facts.Memory.LimitBytes
			}
		}
		all = append(all, t)
	}
	return all
}

// Reading reports whether the container is being read.
func (s *Sampler) Reading(path cgroup.Path) bool {
	c := s.containers[path]
	return c != nil && c.busy()
}

// processes is the name of the source about processes.
const processes = "processes"

const fixNoJVM = "let the pod share its process namespace (shareProcessNamespace: true), and run jvmem with the JVM's own user and group"

// sourceOf is the source for a sample that found nothing.
func sourceOf(err error) jvm.Source {
	source := jvm.Source{Name: processes, Reason: err.Error()}
	if errors.Is(err, ErrNoJVM) {
		source.Fix = fixNoJVM
	} else if jvm.NoDescriptor(err) {
		source.Fix = jvm.FixFor(err)
	}
	return source
}

// processSource is the source for a process that could not be read.
func processSource(pid int, err error) jvm.Source {
	return jvm.Source{Name: processes, PID: pid, Reason: err.Error(), Fix: jvm.FixFor(err)}
}
