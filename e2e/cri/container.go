package cri

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/jvmem/jvmem/e2e/daemon"
	"github.com/jvmem/jvmem/e2e/pod"
)

// pollInterval is the time between two polls of a container.
const pollInterval = 100 * time.Millisecond

// Start starts a container in a pod.
func (r *Runtime) Start(ctx context.Context, podID string, c pod.Container) (id string, err error) {
	sandbox, err := r.pod(podID)
	if err != nil {
		return "", err
	}
	config, err := r.configure(sandbox, c)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Join(sandbox.LogDirectory, config.LogPath)), 0o755); err != nil {
		return "", err
	}
	created, err := r.runtime.CreateContainer(ctx, &runtimeapi.CreateContainerRequest{PodSandboxId: podID, Config: config, SandboxConfig: sandbox})
	if err != nil {
		return "", err
	}
	if _, err := r.runtime.StartContainer(ctx, &runtimeapi.StartContainerRequest{ContainerId: created.ContainerId}); err != nil {
		return "", errors.Join(err, r.Remove(ctx, created.ContainerId))
	}
	return created.ContainerId, nil
}

// configure returns the configuration of a container as kubelet sets it.
func (r *Runtime) configure(sandbox *runtimeapi.PodSandboxConfig, c pod.Container) (*runtimeapi.ContainerConfig, error) {
	var user, group int64
	if _, err := fmt.Sscanf(c.User, "%d:%d", &user, &group); err != nil {
		return nil, fmt.Errorf("user %q of a container: want UID:GID: %w", c.User, err)
	}
	// Two containers of a pod may have the same name: the later one is a restart.
	attempt := r.attempts.Add(1)
	config := &runtimeapi.ContainerConfig{
		Metadata: &runtimeapi.ContainerMetadata{Name: c.Name, Attempt: attempt},
		Image:    &runtimeapi.ImageSpec{Image: reference(c.Image)},
		Command:  c.Command,
		Labels:   labels(sandbox),
		LogPath:  path.Join(c.Name, fmt.Sprint(attempt)+".log"),
		Linux: &runtimeapi.LinuxContainerConfig{
			Resources: &runtimeapi.LinuxContainerResources{MemoryLimitInBytes: c.LimitBytes, MemorySwapLimitInBytes: c.LimitBytes},
			SecurityContext: &runtimeapi.LinuxContainerSecurityContext{
				Capabilities:     &runtimeapi.Capability{AddCapabilities: c.Add, DropCapabilities: c.Drop},
				NamespaceOptions: namespaces(),
				RunAsUser:        &runtimeapi.Int64Value{Value: user},
				RunAsGroup:       &runtimeapi.Int64Value{Value: group},
				ReadonlyRootfs:   !c.Writable,
				NoNewPrivs:       true,
				Seccomp:          runtimeDefault(),
			},
		},
	}
	config.Labels["io.kubernetes.container.name"] = c.Name
	if daemon.V2() {
		// An OOM kill ends all processes of a container, as in Kubernetes 1.28 and newer.
		config.Linux.Resources.Unified = map[string]string{"memory.oom.group": "1"}
	}
	for _, env := range c.Env {
		name, value, _ := strings.Cut(env, "=")
		config.Envs = append(config.Envs, &runtimeapi.KeyValue{Key: name, Value: []byte(value)})
	}
	log, err := r.terminationLog(sandbox.Metadata.Uid, c.Name, attempt)
	if err != nil {
		return nil, err
	}
	config.Mounts = append(config.Mounts, &runtimeapi.Mount{HostPath: log, ContainerPath: "/dev/termination-log"})
	for _, m := range c.Mounts {
		config.Mounts = append(config.Mounts, &runtimeapi.Mount{HostPath: m.Source, ContainerPath: m.Target, Readonly: m.ReadOnly})
	}
	return config, nil
}

// terminationLog creates the file for a container's termination message where kubelet
// creates it: there jvmem finds the container's name.
func (r *Runtime) terminationLog(uid, name string, instance uint32) (string, error) {
	dir := r.Path(path.Join("kubelet/pods", uid, "containers", name))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	file := filepath.Join(dir, fmt.Sprintf("%08x", instance))
	return file, os.WriteFile(file, nil, 0o666)
}

// State returns the state of a container. On cgroup v2, containerd may miss an OOM kill if
// the cgroup is removed before it reads it.
func (r *Runtime) State(ctx context.Context, id string) (pod.State, error) {
	status, err := r.status(ctx, id)
	if err != nil {
		return pod.State{}, err
	}
	return pod.State{
		Running:   status.State == runtimeapi.ContainerState_CONTAINER_RUNNING,
		ExitCode:  int(status.ExitCode),
		OOMKilled: status.Reason == "OOMKilled",
	}, nil
}

// Wait returns when a container has exited.
func (r *Runtime) Wait(ctx context.Context, id string) (pod.State, error) {
	for {
		state, err := r.State(ctx, id)
		if err != nil || !state.Running {
			return state, err
		}
		select {
		case <-ctx.Done():
			return state, ctx.Err()
		case <-time.After(pollInterval):
		}
	}
}

// Kill sends SIGKILL to the first process of a container and waits for its exit.
func (r *Runtime) Kill(ctx context.Context, id string) error {
	// Without a grace period.
	_, err := r.runtime.StopContainer(ctx, &runtimeapi.StopContainerRequest{ContainerId: id})
	return err
}

// Exec runs a command in a running container as its user. A command that fails is not an
// error; one that does not exist is.
func (r *Runtime) Exec(ctx context.Context, id string, command ...string) (stdout string, exitCode int, err error) {
	response, err := r.runtime.ExecSync(ctx, &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: command})
	if err != nil {
		return "", 0, err
	}
	return string(response.Stdout), int(response.ExitCode), nil
}

// Remove removes a container, running or not.
func (r *Runtime) Remove(ctx context.Context, id string) error {
	_, err := r.runtime.RemoveContainer(ctx, &runtimeapi.RemoveContainerRequest{ContainerId: id})
	return err
}

// CgroupDir returns the folder of a container's cgroup on this machine, on v1 that of the
// memory controller.
func (r *Runtime) CgroupDir(ctx context.Context, id string) (string, error) {
	response, err := r.runtime.ListContainers(ctx, &runtimeapi.ListContainersRequest{Filter: &runtimeapi.ContainerFilter{Id: id}})
	if err != nil {
		return "", err
	}
	if len(response.Containers) != 1 {
		return "", fmt.Errorf("%d containers have the ID %q", len(response.Containers), id)
	}
	sandbox, err := r.pod(response.Containers[0].PodSandboxId)
	if err != nil {
		return "", err
	}
	name := id
	if r.driver == Systemd {
		name = "cri-containerd-" + id + ".scope"
	}
	return filepath.Join(daemon.MemoryDir(sandbox.Linux.CgroupParent), name), nil
}

func (r *Runtime) status(ctx context.Context, id string) (*runtimeapi.ContainerStatus, error) {
	response, err := r.runtime.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: id})
	return response.GetStatus(), err
}
