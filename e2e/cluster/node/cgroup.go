package node

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/e2e/daemon"
)

// makeCgroup creates the cgroup for all pods.
func (n *Node) makeCgroup() error {
	if daemon.V2() {
		if err := enableControllers(); err != nil {
			return err
		}
	}
	if err := daemon.MakeCgroup(n.Name(), 0); err != nil || daemon.V2() {
		return err
	}
	// A new cpuset has no CPUs.
	const cpusets = "/sys/fs/cgroup/cpuset"
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		text, err := os.ReadFile(filepath.Join(cpusets, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(cpusets, n.Name(), name), text, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// enableControllers enables, for the cgroups below the root of cgroup v2, the controllers that
// kubelet demands of those that exist.
func enableControllers() error {
	const root = "/sys/fs/cgroup"
	text, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, name := range []string{"cpu", "cpuset", "memory", "pids", "hugetlb"} {
		if !slices.Contains(strings.Fields(string(text)), name) {
			continue
		}
		if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+"+name), 0); err != nil {
			return fmt.Errorf("enable the controller %s for the cgroups below %s, which must be the root cgroup of this machine: %w", name, root, err)
		}
	}
	return nil
}
