package sample

import (
	"fmt"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
)

// names decides which container has the configured name. It is bound to a container
// that is first seen alone. Another container gets it only as the replacement of the one
// that had it: if it is first seen after that one has ended. Of two that exist from
// the start neither gets it, nor does one of two replacements.
type names struct {
	name string

	holder *cgroup.Path // had the name last; nil: none had it
	ended  bool         // the holder has
	seen   map[cgroup.Path]bool
	// count is the number of containers that the name could belong to; 0: it is bound, or
	// nothing is known yet.
	count int
}

// update takes the present containers with a JVM, and the cgroups of all processes.
func (n *names) update(containers map[cgroup.Path]*container, processes map[int]cgroup.Path) {
	if n.name == "" {
		return
	}
	if n.holder != nil && containers[*n.holder] != nil {
		n.ended = false // its JVM was restarted in place
	} else if n.holder != nil {
		n.ended = true
		for _, path := range processes {
			n.ended = n.ended && !path.Within(*n.holder)
		}
	}
	var fresh []cgroup.Path
	seen := make(map[cgroup.Path]bool)
	for path := range containers {
		seen[path] = true
		if !n.seen[path] {
			fresh = append(fresh, path)
		}
	}
	n.seen = seen
	switch {
	case n.holder != nil && !n.ended:
		n.count = 0
	case len(fresh) == 1 && (n.holder != nil || len(containers) == 1):
		n.holder, n.ended, n.count = &fresh[0], false, 0
	case len(fresh) > 1 || n.holder == nil && len(containers) > 1:
		n.count = len(containers)
	case len(containers) == 0:
		n.count = 0
	}
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
