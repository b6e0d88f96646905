package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/jvmem/jvmem/e2e/daemon"
	"github.com/jvmem/jvmem/e2e/pod"
)

// podLabel is on each container of a pod. Its value is the ID of the pause container, which
// is the ID of the pod.
const podLabel = "jvmem.pod"

// StartPod starts the pause container of a pod, from the image pause. The cgroups of its
// containers are below a cgroup of the pod.
func (d *Daemon) StartPod(ctx context.Context, o pod.Options) (id string, err error) {
	parent := "/" + d.Name() + "/pod" + rand.Text()
	if err := daemon.MakeCgroup(parent, o.LimitBytes); err != nil {
		return "", err
	}
	id, err = d.run(ctx, parent, "--user=65535:65535", "--cap-drop=ALL", "--read-only", "pause", "/bin/sleep", "infinity")
	if err != nil {
		err = errors.Join(err, daemon.RemoveCgroup(parent))
	}
	return id, err
}

// StopPod removes a pod with its containers.
func (d *Daemon) StopPod(ctx context.Context, id string) error {
	parent, err := d.parent(ctx, id)
	if err != nil {
		return err
	}
	ids, err := d.Do(ctx, "ps", "--all", "--quiet", "--filter", "label="+podLabel+"="+id)
	if err != nil {
		return err
	}
	// The pause container last: its exit kills the others.
	for _, id := range append(strings.Fields(ids), id) {
		err = errors.Join(err, d.Remove(ctx, id))
	}
	return errors.Join(err, daemon.RemoveCgroup(parent))
}

// Start starts a container in a pod.
func (d *Daemon) Start(ctx context.Context, podID string, c pod.Container) (id string, err error) {
	parent, err := d.parent(ctx, podID)
	if err != nil {
		return "", err
	}
	args := []string{"--pid=container:" + podID, "--label=" + podLabel + "=" + podID, "--user=" + c.User}
	for _, env := range c.Env {
		args = append(args, "--env="+env)
	}
	for _, name := range c.Add {
		args = append(args, "--cap-add="+name)
	}
	for _, name := range c.Drop {
		args = append(args, "--cap-drop="+name)
	}
	if !c.Writable {
		args = append(args, "--read-only")
	}
	for _, m := range c.Mounts {
		args = append(args, fmt.Sprintf("--mount=type=bind,source=%s,target=%s,readonly=%t", m.Source, m.Target, m.ReadOnly))
	}
	if c.LimitBytes != 0 {
		args = append(args, fmt.Sprint("--memory=", c.LimitBytes), fmt.Sprint("--memory-swap=", c.LimitBytes))
	}
	args = append(args, c.Image)
	return d.run(ctx, parent, append(args, c.Command...)...)
}

// run starts a container with the options that all containers have.
func (d *Daemon) run(ctx context.Context, cgroupParent string, args ...string) (id string, err error) {
	id, err = d.Do(ctx, append([]string{"create", "--network=host", "--security-opt=no-new-privileges", "--cgroup-parent=" + cgroupParent}, args...)...)
	if err != nil {
		return "", err
	}
	if _, err := d.Do(ctx, "start", id); err != nil {
		return "", errors.Join(err, d.Remove(ctx, id))
	}
	return id, nil
}

// State returns the state of a container.
func (d *Daemon) State(ctx context.Context, id string) (s pod.State, err error) {
	text, err := d.Do(ctx, "inspect", "--format={{.State.Running}} {{.State.ExitCode}} {{.State.OOMKilled}}", id)
	if err == nil {
		_, err = fmt.Sscan(text, &s.Running, &s.ExitCode, &s.OOMKilled)
	}
	return s, err
}

// Wait returns when a container has exited.
func (d *Daemon) Wait(ctx context.Context, id string) (pod.State, error) {
	// Not by Do, which has a time limit.
	if out, err := d.Command(ctx, "wait", id).CombinedOutput(); err != nil {
		return pod.State{}, fmt.Errorf("docker wait %s: %w: %s", id, err, out)
	}
	return d.State(ctx, id)
}

// Kill sends SIGKILL to the first process of a container.
func (d *Daemon) Kill(ctx context.Context, id string) error {
	_, err := d.Do(ctx, "kill", id)
	return err
}

// Logs returns the output of a container.
func (d *Daemon) Logs(ctx context.Context, id string) (stdout, stderr string, err error) {
	return d.do(ctx, nil, "logs", id)
}

// Exec runs a command in a running container as its user. A command that fails is not an
// error.
func (d *Daemon) Exec(ctx context.Context, id string, command ...string) (stdout string, exitCode int, err error) {
	stdout, stderr, err := d.do(ctx, nil, append([]string{"exec", id}, command...)...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.Exited() && !strings.HasPrefix(stderr, "Error response from daemon") {
		return stdout, exit.ExitCode(), nil
	}
	return stdout, 0, err
}

// Remove removes a container, running or not.
func (d *Daemon) Remove(ctx context.Context, id string) error {
	_, err := d.Do(ctx, "rm", "--force", "--volumes", id)
	return err
}

// CgroupDir returns the folder of a container's cgroup on this machine, on v1 that of the
// memory controller.
func (d *Daemon) CgroupDir(ctx context.Context, id string) (string, error) {
	parent, err := d.parent(ctx, id)
	return daemon.MemoryDir(parent + "/" + id), err
}

// parent returns the cgroup of a container's pod.
func (d *Daemon) parent(ctx context.Context, id string) (string, error) {
	return d.Do(ctx, "inspect", "--format={{.HostConfig.CgroupParent}}", id)
}
