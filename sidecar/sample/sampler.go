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
	"github.com/jvmem/jvmem/jvm/resident"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/watch"
)

// ErrNoJVM says that no JVM is in sight.
var ErrNoJVM = errors.New("no HotSpot JVM in this PID namespace")

// Options say what to observe.
type Options struct {
	Proc string // "/proc"
	// PID observes only this process; 0: every JVM in the PID namespace.
	PID int
	// ContainerName names the container, if only one runs a JVM: what the
	// container calls itself cannot be seen from outside.
	ContainerName string
	Pod           *breakdown.Pod
}

// Sampler reads facts. It keeps what does not change between two samples. It is
// for one goroutine at a time.
type Sampler struct {
	options Options
	cgroups cgroup.FS
	jvms    map[int]*jvm.Process
	groups  map[cgroup.Path]*cgroup.Group
	// strangers are the processes that are no JVM.
	strangers *proc.NonJVMs
	policy    resident.Policy
	// members are the containers of the last reading.
	members map[cgroup.Path]*container
	// rests are what no row had when the pages of a container were last counted, in bytes.
	rests map[cgroup.Path]int64
}

// New returns a Sampler. It reads nothing yet.
func New(o Options) *Sampler {
	return &Sampler{
		options: o, cgroups: cgroup.FS{Proc: o.Proc},
		jvms: make(map[int]*jvm.Process), groups: make(map[cgroup.Path]*cgroup.Group),
		rests: make(map[cgroup.Path]int64), strangers: proc.NewNonJVMs(o.Proc),
	}
}

// Close gives back all descriptors.
func (s *Sampler) Close() error {
	var errs []error
	for _, p := range s.jvms {
		errs = append(errs, p.Close())
	}
	for _, g := range s.groups {
		errs = append(errs, g.Close())
	}
	clear(s.jvms)
	clear(s.groups)
	return errors.Join(errs...)
}

// Sample reads everything once. What could not be read is in the sources of the
// report; the error is for when there is nothing to report on.
func (s *Sampler) Sample(ctx context.Context) (breakdown.Report, error) {
	report := breakdown.Report{Schema: breakdown.Schema, Time: time.Now(), Pod: s.options.Pod}
	facts, err := s.Read(ctx)
	if len(facts) == 0 {
		return breakdown.Report{}, err
	}
	if err != nil {
		report.Sources = append(report.Sources, jvm.Source{Name: "processes", Reason: err.Error()})
	}
	for _, f := range facts {
		report.Containers = append(report.Containers, breakdown.Attribute(f))
	}
	report.SampleSeconds = new(time.Since(report.Time).Seconds())
	return report, nil
}

// Read reads the facts of every container that runs a JVM, in the order of their
// PIDs. The error is about those that could not be read: there may be others.
func (s *Sampler) Read(ctx context.Context) ([]breakdown.Facts, error) {
	pids, err := proc.PIDs(ctx, s.options.Proc)
	if err != nil {
		return nil, err
	}
	if err := s.follow(pids); err != nil {
		return nil, err
	}
	members := s.sort(pids)
	s.members = members
	var all []breakdown.Facts
	var errs []error
	for path, pids := range members {
		facts, err := s.readContainer(ctx, path, pids)
		if facts.Memory != nil {
			pids.limitBytes = facts.Memory.LimitBytes
		}
		switch {
		case err != nil:
			errs = append(errs, err)
		case len(facts.JVMs) > 0:
			all = append(all, facts)
		}
	}
	s.forget(members)
	if len(all) == 0 && len(errs) == 0 {
		if s.options.PID != 0 {
			return nil, fmt.Errorf("process %d: %w while it was read", s.options.PID, jvm.ErrGone)
		}
		return nil, ErrNoJVM
	}
	if len(all) == 1 {
		all[0].Name = s.options.ContainerName
	}
	slices.SortFunc(all, func(a, b breakdown.Facts) int { return a.JVMs[0].PID - b.JVMs[0].PID })
	return all, errors.Join(errs...)
}

// follow opens the JVMs that are new and closes those that ended.
func (s *Sampler) follow(pids []int) error {
	if s.options.PID != 0 {
		pids = []int{s.options.PID}
	}
	for pid, p := range s.jvms {
		if !p.Same() {
			_ = p.Close() // nothing was written
			delete(s.jvms, pid)
		}
	}
	s.strangers.Keep(pids)
	for _, pid := range pids {
		if s.jvms[pid] != nil || s.strangers.Contains(pid) {
			continue
		}
		p, err := jvm.Open(s.options.Proc, pid)
		switch {
		case err == nil:
			s.jvms[pid] = p
		case s.options.PID != 0:
			return err
		case errors.Is(err, jvm.ErrNotJVM):
			s.strangers.Add(pid)
		case errors.Is(err, jvm.ErrGone):
		default:
			// A process that can't be looked into is no reason to lose the others.
		}
	}
	return nil
}

// container is the processes of one container.
type container struct {
	jvms       []*jvm.Process
	others     []int
	limitBytes *int64 // nil: none, or not known
}

// Targets are the JVMs of the last reading, to be watched until the next one.
func (s *Sampler) Targets() []watch.Target {
	var all []watch.Target
	for path, c := range s.members {
		for _, p := range c.jvms {
			all = append(all, watch.Target{JVM: p, Group: s.groups[path], LimitBytes: c.limitBytes})
		}
	}
	return all
}

// sort sorts the processes by container. Only containers with a JVM count.
func (s *Sampler) sort(pids []int) map[cgroup.Path]*container {
	paths := make(map[int]cgroup.Path, len(pids))
	for _, pid := range pids {
		if path, err := s.cgroups.PathOf(pid); err == nil { // else it ended
			paths[pid] = path
		}
	}
	members := make(map[cgroup.Path]*container)
	for pid, p := range s.jvms {
		path := paths[pid] // the zero Path if no cgroup is known
		if members[path] == nil {
			members[path] = &container{}
		}
		members[path].jvms = append(members[path].jvms, p)
	}
	for path, c := range members {
		for pid, of := range paths {
			own := s.jvms[pid] != nil && of == path
			if path != (cgroup.Path{}) && !own && of.Within(path) {
				c.others = append(c.others, pid)
			}
		}
	}
	return members
}

// forget closes the cgroups that no JVM is in any more.
func (s *Sampler) forget(members map[cgroup.Path]*container) {
	for path := range s.groups {
		if members[path] == nil {
			s.drop(path)
		}
	}
}

// JVM returns the process that was read under this PID, nil if there is none.
func (s *Sampler) JVM(pid int) *jvm.Process { return s.jvms[pid] }
