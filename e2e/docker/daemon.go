package docker

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jvmem/jvmem/e2e/daemon"
)

// Daemon is a running Docker daemon. Its methods may be called concurrently.
type Daemon struct {
	*daemon.Daemon
	client string // the docker command
}

// Start starts a daemon and returns when it responds. need is the script that installs Debian
// packages (.ci/need).
func Start(need string) (*Daemon, error) {
	client, err := install(need)
	if err != nil {
		return nil, err
	}
	base, err := daemon.New()
	if err != nil {
		return nil, err
	}
	d := &Daemon{base, client}
	if err := d.start(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// install returns the docker command, which newer Debian releases have in a separate
// package.
func install(need string) (client string, err error) {
	err = daemon.Install(need, [2]string{"dockerd", "docker.io"}, [2]string{"docker", "docker-cli"}, [2]string{"unshare", "util-linux"})
	if err != nil {
		return "", err
	}
	program, err := exec.LookPath("dockerd")
	if err != nil {
		return "", err
	}
	// Prefer the one next to the daemon: others may be too new for it.
	for _, dir := range []string{filepath.Dir(program), filepath.Join(filepath.Dir(program), "../bin")} {
		if client, err := exec.LookPath(filepath.Join(dir, "docker")); err == nil {
			return client, nil
		}
	}
	return exec.LookPath("docker")
}

func (d *Daemon) start() error {
	config := d.Path("daemon.json")
	if err := os.WriteFile(config, []byte("{}\n"), 0o600); err != nil {
		return err
	}
	answers := func(ctx context.Context) error {
		_, err := d.Do(ctx, "version")
		return err
	}
	return d.Run(answers, "dockerd", "--config-file", config, "--data-root", d.Path("data"), "--exec-root", d.Path("exec"),
		"--pidfile", d.Path("pid"), "--host", "unix://"+d.socket(), "--cgroup-parent", "/"+d.Name(),
		"--exec-opt", "native.cgroupdriver=cgroupfs",
		"--containerd-namespace", d.Name(), "--containerd-plugins-namespace", d.Name()+"-plugins",
		"--bridge=none", "--iptables=false", "--ip6tables=false")
}

// Close stops the daemon and its containers and removes its files.
func (d *Daemon) Close() error {
	return d.Stop(func(ctx context.Context) {
		if ids, err := d.Do(ctx, "ps", "--all", "--quiet"); err == nil && ids != "" {
			_, _ = d.Do(ctx, append([]string{"rm", "--force", "--volumes"}, strings.Fields(ids)...)...) // stopping the daemon kills them
		}
	})
}

func (d *Daemon) socket() string { return d.Path("socket") }
