package sample

import (
	"cmp"
	"errors"
	"fmt"
	"maps"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/proc"
)

// names decides which container has the configured name, where kubelet's name of it is
// not known. It is bound to a container that is first seen alone. Another container gets
// it only as the replacement of the one that had it: if it is first seen when no JVM runs
// there, once everything in that one has ended. Of two that exist from the start neither
// gets it, nor does one of two replacements.
type names struct {
	name string

	holder *cgroup.Path // had the name last; nil: none had it
	ended  bool         // the holder has
	// beside are containers that cannot replace the holder.
	beside map[cgroup.Path]bool
	// count is the number of containers that the name could belong to; 0: it is bound, or
	// nothing is known yet.
	count int
}

// update takes the containers in which a JVM runs, and the cgroups of all processes.
func (n *names) update(running map[cgroup.Path]bool, processes map[int]cgroup.Path) {
	if n.name == "" {
		return
	}
	if n.holder != nil && running[*n.holder] {
		n.ended = false // also if its JVM was restarted in place
		n.beside, n.count = maps.Clone(running), 0
		return
	}
	n.ended = n.holder != nil
	for _, path := range processes {
		n.ended = n.ended && !path.Within(*n.holder)
	}
	var fresh []cgroup.Path
	for path := range running {
		if !n.beside[path] {
			fresh = append(fresh, path)
		}
	}
	switch {
	case n.holder != nil && !n.ended: // its JVM may be restarted in place
		n.count = 0
		return
	case len(fresh) == 1 && (n.holder != nil || len(running) == 1):
		n.holder, n.ended, n.count = &fresh[0], false, 0
	case len(fresh) > 1 || n.holder == nil && len(running) > 1:
		n.count = len(running)
	case len(running) == 0:
		n.count = 0
	}
	n.beside = maps.Clone(running)
}

// of returns the name of a container, "" if it is not known.
func (n *names) of(path cgroup.Path) string {
	if n.holder != nil && !n.ended && *n.holder == path {
		return n.name
	}
	return ""
}

// source reports that no container has the name, because it is ambiguous; nil: it is not.
func (n *names) source() *jvm.Source {
	if n.count == 0 {
		return nil
	}
	return &jvm.Source{
		Name:   "container_name",
		Reason: fmt.Sprintf("%d containers with a JVM were found at the same time: which of them is %q is not known, so none has the name", n.count, n.name),
		Fix:    "run one jvmem for each of them, with --pid and --container-name, or leave --container-name out",
	}
}

// nameOf returns the name of a container, "" if it is not known.
func (s *Sampler) nameOf(c *container) string { return cmp.Or(c.name, s.names.of(c.path)) }

// readName reads the name that kubelet gave the container of a JVM, once. Names are unique
// only within a pod, so those of other pods are left out, unless one JVM was asked for.
func (s *Sampler) readName(c *container) {
	if c.named {
		return
	}
	mounts, err := c.jvms[0].process.Mounts()
	if errors.Is(err, proc.ErrGone) {
		return
	}
	if err != nil || mounts.Container == "" {
		c.named = true
		return
	}
	if s.podUID == nil {
		own, err := proc.ReadMounts(s.options.Proc, proc.Self)
		if err != nil {
			return // without descriptors: the next sample tries again
		}
		s.podUID = &own.PodUID
	}
	c.named = true
	if mounts.PodUID != *s.podUID && s.options.PID == 0 {
		return
	}
	for _, other := range s.containers { // a container may have cgroups of its own
		if !other.ended && other.name == mounts.Container && other.path.ContainerID() == c.path.ContainerID() {
			return
		}
	}
	c.name = mounts.Container
	s.names = names{} // kubelet names all containers
}
