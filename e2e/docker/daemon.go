package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout   = 30 * time.Second // takes 1 s on two idle cores
	stopTimeout    = 15 * time.Second
	commandTimeout = time.Minute // the slowest is an import of some 200 MB, 2 s
	logBytes       = 4 << 10     // of the daemon's log that an error quotes
)

// Daemon is a running Docker daemon. Its methods may be called concurrently.
type Daemon struct {
	dir    string
	client string   // the docker command
	lock   *os.File // locked while this process lives: see sweep
	log    string

	cmd    *exec.Cmd
	exited chan struct{}
	close  func() error
}

// Start starts a daemon and returns when it answers. need is the script that
// installs Debian packages (.ci/need).
func Start(need string) (*Daemon, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("start Docker: needs root")
	}
	client, err := install(need)
	if err != nil {
		return nil, err
	}
	if err := sweep(); err != nil {
		return nil, err
	}
	dir, lock, err := makeFolder()
	if err != nil {
		return nil, err
	}
	d := &Daemon{dir: dir, client: client, lock: lock, log: filepath.Join(dir, "log"), exited: make(chan struct{})}
	d.close = sync.OnceValue(d.stop)
	if err := d.start(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// install returns the docker command. Debian's newer releases have it in a
// package of its own.
func install(need string) (client string, err error) {
	for _, tool := range [][2]string{{"dockerd", "docker.io"}, {"docker", "docker-cli"}, {"unshare", "util-linux"}} {
		if out, err := exec.Command(need, tool[0], tool[1]).CombinedOutput(); err != nil {
			return "", fmt.Errorf("install %s: %w\n%s", tool[0], err, out)
		}
	}
	daemon, err := exec.LookPath("dockerd")
	if err != nil {
		return "", err
	}
	// The one that belongs to the daemon first: another may be too new for it.
	for _, beside := range []string{filepath.Dir(daemon), filepath.Join(filepath.Dir(daemon), "../bin")} {
		if client, err := exec.LookPath(filepath.Join(beside, "docker")); err == nil {
			return client, nil
		}
	}
	return exec.LookPath("docker")
}

func (d *Daemon) start() error {
	config := d.path("daemon.json")
	if err := os.WriteFile(config, []byte("{}\n"), 0o600); err != nil {
		return err
	}
	log, err := os.Create(d.log)
	if err != nil {
		return err
	}
	defer log.Close()
	d.cmd = exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
		"dockerd", "--config-file", config, "--data-root", d.path("data"), "--exec-root", d.path("exec"),
		"--pidfile", d.path("pid"), "--host", "unix://"+d.socket(), "--cgroup-parent", "/"+filepath.Base(d.dir),
		"--exec-opt", "native.cgroupdriver=cgroupfs",
		"--containerd-namespace", filepath.Base(d.dir), "--containerd-plugins-namespace", filepath.Base(d.dir)+"-plugins",
		"--bridge=none", "--iptables=false", "--ip6tables=false")
	d.cmd.Stdout, d.cmd.Stderr = log, log
	// A process group of its own: Ctrl-C is for us, and we end it in order.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// Pdeathsig is sent when the thread that forked ends, so it must not.
		runtime.LockOSThread()
		err := d.cmd.Start()
		started <- err
		if err == nil {
			_ = d.cmd.Wait() // how it ended is in its log
		}
		close(d.exited)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start dockerd: %w", err)
	}
	return d.await()
}

// await returns when the daemon answers.
func (d *Daemon) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		_, err := d.Do(ctx, "version")
		if err == nil {
			return nil
		}
		select {
		case <-d.exited:
			return fmt.Errorf("start dockerd: it ended\n%s", d.Log())
		case <-ctx.Done():
			return fmt.Errorf("start dockerd: no answer within %v: %w\n%s", startTimeout, err, d.Log())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Close ends the daemon with its containers and removes what it made.
func (d *Daemon) Close() error { return d.close() }

func (d *Daemon) stop() error {
	if d.cmd != nil && d.cmd.Process != nil {
		d.end()
	}
	err := remove(d.dir)
	return errors.Join(err, d.lock.Close())
}

// end lets the daemon remove its containers first, and its containerd end.
func (d *Daemon) end() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if ids, err := d.Do(ctx, "ps", "--all", "--quiet"); err == nil && ids != "" {
		_, _ = d.Do(ctx, append([]string{"rm", "--force", "--volumes"}, strings.Fields(ids)...)...) // killed below
	}
	// unshare passes no signal on: the daemon is its only child. A PID that is
	// not found, or a daemon that hangs, is killed with unshare.
	if pid, err := child(d.cmd.Process.Pid); err == nil {
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
	select {
	case <-d.exited:
	case <-ctx.Done():
		_ = d.cmd.Process.Kill()
		<-d.exited
	}
}

// child returns the only child of a process.
func child(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0, err
	}
	var only int
	_, err = fmt.Sscan(string(text), &only)
	return only, err
}

// Log returns the end of the daemon's log.
func (d *Daemon) Log() string {
	text, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-logBytes):])
}

// Folder makes a new folder that every container's user may write to. It is
// removed with the daemon.
func (d *Daemon) Folder() (string, error) {
	dir, err := os.MkdirTemp(d.path("shared"), "")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o777|os.ModeSticky)
}

func (d *Daemon) path(name string) string { return filepath.Join(d.dir, name) }

func (d *Daemon) socket() string { return d.path("socket") }
