package cri

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/jvmem/jvmem/e2e/daemon"
)

// Driver is the cgroup driver.
type Driver int

const (
	// Cgroupfs has kubelet and runc create the cgroups.
	Cgroupfs Driver = iota
	// Systemd creates a slice for a pod and a scope for a container. It must be the
	// first process of the system.
	Systemd
)

// callTimeout is for the guest, which is about 15 times slower than this machine, where the
// slowest call takes 0.3 s.
const callTimeout = 2 * time.Minute

//go:embed config.toml
var config string

// Runtime is a running containerd. Its methods may be called concurrently.
type Runtime struct {
	*daemon.Daemon
	driver     Driver
	connection *grpc.ClientConn
	runtime    runtimeapi.RuntimeServiceClient
	images     runtimeapi.ImageServiceClient

	attempts atomic.Uint32
	lock     sync.Mutex
	pods     map[string]*runtimeapi.PodSandboxConfig // by ID
}

// Start starts a containerd and returns when it responds. need is the script that installs
// Debian packages (.ci/need).
func Start(need string, driver Driver) (*Runtime, error) {
	err := daemon.Install(need, [2]string{"containerd", "containerd"}, [2]string{"runc", "runc"}, [2]string{"unshare", "util-linux"})
	if err != nil {
		return nil, err
	}
	base, err := daemon.New()
	if err != nil {
		return nil, err
	}
	r := &Runtime{Daemon: base, driver: driver, pods: make(map[string]*runtimeapi.PodSandboxConfig)}
	if err := r.start(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Runtime) start() (err error) {
	file := r.Path("config.toml")
	text := strings.NewReplacer("{DIR}", r.Path(""), "{SYSTEMD}", strconv.FormatBool(r.driver == Systemd)).Replace(config)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	r.connection, err = grpc.NewClient("unix://"+r.socket(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUnaryInterceptor(call))
	if err != nil {
		return err
	}
	r.runtime, r.images = runtimeapi.NewRuntimeServiceClient(r.connection), runtimeapi.NewImageServiceClient(r.connection)
	run := r.Run
	if r.driver == Systemd {
		run = r.RunInSlice
	}
	return run(r.answers, "containerd", "--config", file)
}

func (r *Runtime) answers(ctx context.Context) error {
	// gRPC waits a second before it retries by default.
	if _, err := os.Stat(r.socket()); err != nil {
		return err
	}
	_, err := r.runtime.Version(ctx, &runtimeapi.VersionRequest{})
	return err
}

// call sets the timeout of a call to containerd and adds the name of the call to its error.
func call(ctx context.Context, method string, request, reply any, connection *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := invoke(ctx, method, request, reply, connection, options...); err != nil {
		return fmt.Errorf("containerd: %s: %w", path.Base(method), err)
	}
	return nil
}

// Close stops containerd and its pods and removes its files.
func (r *Runtime) Close() error {
	err := r.Stop(func(ctx context.Context) {
		for id := range r.all() {
			_ = r.StopPod(ctx, id) // stopping the daemon or slice kills it
		}
	})
	if r.connection != nil {
		err = errors.Join(err, r.connection.Close())
	}
	return err
}

func (r *Runtime) socket() string { return r.Path("socket") }
