package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// startTimeout limits the start of one daemon. The slowest takes 8 s on two idle cores, 25 s to 3
	// minutes in the guest.
	startTimeout = 15 * time.Minute
	pollInterval = 100 * time.Millisecond
	daemons      = 5 // that start starts
	logSuffix    = ".log"
	logBytes     = 2 << 10 // of each log that an error quotes
)

// startContainerd creates the namespaces, in which containerd is the first process.
func (n *Node) startContainerd(context.Context) error {
	answers := func(ctx context.Context) (err error) {
		if n.pid, err = n.PID(); err != nil {
			return err
		}
		if _, err := os.Stat(n.socket()); err != nil {
			return err // ctr would wait 10 s
		}
		return n.ctr(ctx, "version").Run()
	}
	err := n.Run(answers, "unshare", "--net", "--uts", "sh", n.Path("setup.sh"), n.dir, Name, address, n.kit.binaries().file(busyboxFile))
	if err != nil {
		return err
	}
	return os.WriteFile(n.Path(pidFile), []byte(strconv.Itoa(n.pid)), 0o600)
}

// startControlPlane also starts kubelet, which needs as long as the controllers.
func (n *Node) startControlPlane(ctx context.Context) error {
	const etcd = "http://127.0.0.1:2379"
	err := errors.Join(
		n.start(n.kit.binaries().file(etcdFile), "--data-dir", n.Path("etcd"), "--unsafe-no-fsync",
			"--listen-client-urls", etcd, "--advertise-client-urls", etcd, "--listen-peer-urls", "http://127.0.0.1:2380"),
		n.start("kube-apiserver", "--etcd-servers", etcd, "--bind-address", "127.0.0.1", "--advertise-address", address,
			"--secure-port", "6443", "--service-cluster-ip-range", "10.96.0.0/16", "--kubelet-preferred-address-types", "InternalIP",
			"--authorization-mode", "Node,RBAC", "--enable-admission-plugins", "NodeRestriction", "--allow-privileged",
			"--client-ca-file", n.Path("ca.crt"), "--tls-cert-file", n.Path("apiserver.crt"), "--tls-private-key-file", n.Path("apiserver.key"),
			"--kubelet-client-certificate", n.Path("admin.crt"), "--kubelet-client-key", n.Path("admin.key"),
			"--service-account-issuer", "https://kubernetes.default.svc",
			"--service-account-key-file", n.Path("sa.pub"), "--service-account-signing-key-file", n.Path("sa.key")))
	if err != nil {
		return err
	}
	client, err := n.Client()
	if err != nil {
		return err
	}
	err = n.await(ctx, func(ctx context.Context) error {
		_, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return errors.Join(
		n.start("kube-controller-manager", "--kubeconfig", n.Path("admin.conf"), "--bind-address", "127.0.0.1", "--leader-elect=false",
			"--service-account-private-key-file", n.Path("sa.key"), "--root-ca-file", n.Path("ca.crt")),
		n.start("kube-scheduler", "--kubeconfig", n.Path("admin.conf"), "--bind-address", "127.0.0.1", "--leader-elect=false"),
		n.start("kubelet", "--config", n.Path("kubelet.yaml"), "--kubeconfig", n.Path("kubelet.conf"),
			"--hostname-override", Name, "--node-ip", address, "--root-dir", n.Path("kubelet"), "--cert-dir", n.Path("kubelet-pki")))
}

// awaitReady returns when pods can be created and run.
func (n *Node) awaitReady(ctx context.Context) error {
	client, err := n.Client()
	if err != nil {
		return err
	}
	return n.await(ctx, func(ctx context.Context) error {
		// Before it exists, no pod is admitted.
		if _, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", meta.GetOptions{}); err != nil {
			return err
		}
		node, err := client.CoreV1().Nodes().Get(ctx, Name, meta.GetOptions{})
		if err != nil {
			return err
		}
		isReady := func(c core.NodeCondition) bool { return c.Type == core.NodeReady && c.Status == core.ConditionTrue }
		if !slices.ContainsFunc(node.Status.Conditions, isReady) {
			return fmt.Errorf("the node is not ready: %+v", node.Status.Conditions)
		}
		if slices.ContainsFunc(node.Spec.Taints, func(t core.Taint) bool { return t.Key == core.TaintNodeNotReady }) {
			return errors.New("the node still has its taint")
		}
		return nil
	})
}

// start starts a daemon in the namespaces. It ends with them.
func (n *Node) start(program string, args ...string) error {
	name := filepath.Base(program)
	log, err := os.Create(n.Path(name + logSuffix))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := n.enter(context.Background(), []string{"--mount", "--net", "--uts", "--pid"}, program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		if err := cmd.Wait(); err != nil {
			n.failed <- fmt.Errorf("%s exited: %w", name, err)
		}
	}()
	return nil
}

// await returns when a function returns nil.
func (n *Node) await(ctx context.Context, done func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := done(ctx)
		if err == nil {
			return nil
		}
		select {
		case exited := <-n.failed:
			return fmt.Errorf("%w\n%s", exited, n.Logs())
		case <-ctx.Done():
			return fmt.Errorf("not within %v: %w\n%s", startTimeout, err, n.Logs())
		case <-time.After(pollInterval):
		}
	}
}

// Logs returns the end of the log of each daemon.
func (n *Node) Logs() string {
	var b strings.Builder
	files, _ := filepath.Glob(n.Path("*" + logSuffix)) // the pattern is right
	for _, file := range append(files, n.Path("log")) {
		text, err := os.ReadFile(file)
		if err != nil {
			text = []byte(err.Error())
		}
		fmt.Fprintf(&b, "%s:\n%s\n", filepath.Base(file), text[max(0, len(text)-logBytes):])
	}
	return b.String()
}
