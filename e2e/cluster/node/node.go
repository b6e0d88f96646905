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
	kitFolder      = "kit"
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
	kit            kit
	pid            int        // of the first process of its namespaces
	failed         chan error // a daemon exited
}

// Options says what a node is made from.
type Options struct {
	// Root is the repository, from which the node makes its kit.
	Root string
	// Kit is the folder of a kit to use instead.
	Kit string
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
	var err error
	if n.Daemon, err = daemon.New(); err != nil {
		return nil, err
	}
	n.dir = n.Daemon.Path("")
	n.kit = kit(n.Path(kitFolder))
	for _, s := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"programs and images", func(ctx context.Context) error { return n.getKit(ctx, o) }},
		{"configuration", n.configure},
		{"containerd", n.startContainerd},
		{"API server", n.startControlPlane},
		{"import of the images", n.importImages},
		{"node", n.awaitReady},
	} {
		if err := step(s.name, s.do); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	return n, nil
}

func (n *Node) getKit(ctx context.Context, o Options) error {
	if o.Kit != "" {
		return os.Symlink(o.Kit, string(n.kit))
	}
	if err := os.Mkdir(string(n.kit), 0o700); err != nil {
		return err
	}
	return MakeKit(ctx, o.Root, string(n.kit))
}

// Attach returns the node that another process runs in a folder.
func Attach(dir string) (*Node, error) {
	n := &Node{dir: dir, kit: kit(filepath.Join(dir, kitFolder))}
	text, err := os.ReadFile(n.Path(pidFile))
	if err != nil {
		return nil, err
	}
	n.pid, err = strconv.Atoi(string(text))
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
	fill := strings.NewReplacer("{DIR}", n.dir, "{CGROUP}", n.Name(), "{ADDRESS}", address, "{CNI}", n.kit.binaries().file(cniFolder))
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
