package node

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// Command returns a command that runs in the network of the cluster, with its kubectl, helm
// (4), helm3 and kubeconfig.
func (n *Node) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return n.enter(ctx, []string{"--net"}, name, args...)
}

func (n *Node) enter(ctx context.Context, namespaces []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nsenter", append(append([]string{"--target", strconv.Itoa(n.pid)}, namespaces...), append([]string{"--", name}, args...)...)...)
	cmd.Env = append(os.Environ(), n.Env()...)
	return cmd
}

// Env returns the environment of Command.
func (n *Node) Env() []string {
	return []string{
		"PATH=" + n.kit.binaries().bin() + ":" + os.Getenv("PATH"), "KUBECONFIG=" + n.Path("admin.conf"),
		"HELM_CACHE_HOME=" + n.Path("helm/cache"), "HELM_CONFIG_HOME=" + n.Path("helm/config"), "HELM_DATA_HOME=" + n.Path("helm/data"),
	}
}

func (n *Node) socket() string { return n.Path("containerd.sock") }

func (n *Node) ctr(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ctr", append([]string{"--address", n.socket(), "--namespace", "k8s.io"}, args...)...)
}

// Client returns a client of the API server with all rights.
func (n *Node) Client() (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", n.Path("admin.conf"))
	if err != nil {
		return nil, err
	}
	config.Dial, config.QPS = n.Dial, -1 // no limit
	return kubernetes.NewForConfig(config)
}

// Dial connects to an address in the network of the cluster: a pod's, or the API server's.
func (n *Node) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	type dialled struct {
		connection net.Conn
		err        error
	}
	result := make(chan dialled, 1)
	go func() {
		// The thread is thrown away with its network: it is not unlocked.
		runtime.LockOSThread()
		var r dialled
		if r.err = n.joinNetwork(); r.err == nil {
			r.connection, r.err = (&net.Dialer{}).DialContext(ctx, network, address)
		}
		result <- r
	}()
	r := <-result
	return r.connection, r.err
}

func (n *Node) joinNetwork() error {
	file, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", n.pid))
	if err != nil {
		return err
	}
	defer file.Close()
	return unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
}
