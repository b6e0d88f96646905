package node

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jvmem/jvmem/e2e/daemon"
)

// Name is the name of the node.
const Name = "node1"

const (
	address        = "10.99.0.1" // of the node: its end of the bridge to the pods
	serviceAddress = "10.96.0.1" // of the API server, as a Service
	pidFile        = "pid"
)

//go:embed setup.sh
var setup string

//go:embed containerd.toml
var containerdConfig string

//go:embed cni.json
var cniConfig string

//go:embed kubelet.yaml
var kubeletConfig string

// Node is a running cluster of one node. Its methods may be called concurrently.
type Node struct {
	*daemon.Daemon // nil for a node that another process runs
	dir            string
	binaries       binaries
	pid            int        // of the first process of its namespaces
	failed         chan error // a daemon exited
}

// Options says what a node is made from.
type Options struct {
	// Root is the repository.
	Root string
	// Report is called at the end of each step with its duration.
	Report func(step string, took time.Duration)
}

// Start starts a cluster and returns when its node is ready and has the images.
func Start(ctx context.Context, o Options) (*Node, error) {
	n := &Node{failed: make(chan error, daemons)}
	begun := time.Now()
	step := func(name string, do func(context.Context) error) error {
		if err := do(ctx); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		o.Report(name, time.Since(begun))
		begun = time.Now()
		return nil
	}
	err := step("programs", func(ctx context.Context) (err error) {
		n.binaries, err = getBinaries(ctx, o.Root)
		return err
	})
	if err != nil {
		return nil, err
	}
	if n.Daemon, err = daemon.New(); err != nil {
		return nil, err
	}
	n.dir = n.Daemon.Path("")
	for _, s := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"configuration", n.configure},
		{"containerd", n.startContainerd},
		{"API server", n.startControlPlane},
		{"images", func(ctx context.Context) error { return n.importImages(ctx, o.Root) }},
		{"node", n.awaitReady},
	} {
		if err := step(s.name, s.do); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	return n, nil
}

// Attach returns the node that another process runs in a folder. root is the repository.
func Attach(ctx context.Context, dir, root string) (*Node, error) {
	n := &Node{dir: dir}
	text, err := os.ReadFile(n.Path(pidFile))
	if err != nil {
		return nil, err
	}
	if n.pid, err = strconv.Atoi(string(text)); err != nil {
		return nil, err
	}
	n.binaries, err = getBinaries(ctx, root)
	return n, err
}

// Path returns the path of a file in the folder of the node.
func (n *Node) Path(name string) string { return filepath.Join(n.dir, name) }

// Close ends the cluster and removes its files and cgroups.
func (n *Node) Close() error {
	// All processes end with the namespace.
	return n.Stop(func(context.Context) {})
}

func (n *Node) configure(context.Context) error {
	if err := n.makeCgroup(); err != nil {
		return err
	}
	fill := strings.NewReplacer("{DIR}", n.dir, "{CGROUP}", n.Name(), "{ADDRESS}", address, "{CNI}", filepath.Join(n.binaries.packages(), cniFolder))
	files := map[string]string{
		"setup.sh": setup, "containerd.toml": fill.Replace(containerdConfig),
		"cni/pods.conflist": fill.Replace(cniConfig), "kubelet.yaml": fill.Replace(kubeletConfig),
	}
	err := os.Mkdir(n.Path("cni"), 0o700)
	for name, text := range files {
		err = errors.Join(err, os.WriteFile(n.Path(name), []byte(text), 0o600))
	}
	return errors.Join(err, n.writeKeys())
}

// makeCgroup creates the cgroup for all pods.
func (n *Node) makeCgroup() error {
	if err := daemon.MakeCgroup(n.Name(), 0); err != nil {
		return err
	}
	if daemon.V2() {
		return nil
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
