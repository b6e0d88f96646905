package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

// The timeouts are for the guest, which is about 15 times slower than this machine.
const (
	startTimeout = 2 * time.Minute // takes 1 s on two idle cores
	stopTimeout  = time.Minute     // 1 s
	logBytes     = 4 << 10         // of the daemon's log that an error quotes
)

// Daemon is a folder, a cgroup and, once it runs, a program.
type Daemon struct {
	dir  string
	lock *os.File // locked while this process runs: see sweep
	once sync.Once

	program string
	cmd     *exec.Cmd
	exited  chan struct{}
}

// Install installs missing commands, each from a Debian package. need is the script for that
// (.ci/need).
func Install(need string, tools ...[2]string) error {
	for _, tool := range tools {
		if out, err := exec.Command(need, tool[0], tool[1]).CombinedOutput(); err != nil {
			return fmt.Errorf("install %s: %w\n%s", tool[0], err, out)
		}
	}
	return nil
}

// New removes what killed runs left and creates the folder.
func New() (*Daemon, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a daemon for containers needs root")
	}
	if err := sweep(); err != nil {
		return nil, err
	}
	dir, lock, err := makeFolder()
	if err != nil {
		return nil, err
	}
	return &Daemon{dir: dir, lock: lock, exited: make(chan struct{})}, nil
}

// Run starts the program in its own namespaces and returns when answers returns nil.
func (d *Daemon) Run(answers func(context.Context) error, command ...string) error {
	return d.run(answers, []string{"unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"}, command)
}

// RunInSlice is Run without the PID namespace: processes end with the slice. systemd must be
// the first process of the system.
func (d *Daemon) RunInSlice(answers func(context.Context) error, command ...string) error {
	if _, err := os.Stat(systemd); err != nil {
		return fmt.Errorf("run %s in a slice: systemd is not the first process: %w", command[0], err)
	}
	return d.run(answers, []string{"systemd-run", "--quiet", "--scope", "--slice", Slice(d.Name()),
		"unshare", "--mount", "--fork", "--kill-child"}, command)
}

func (d *Daemon) run(answers func(context.Context) error, prefix, command []string) error {
	log, err := os.Create(d.Path("log"))
	if err != nil {
		return err
	}
	defer log.Close()
	// containerd puts the sockets of its shims there, regardless of its configuration.
	const isolate = `mkdir -p /run/containerd && mount --bind "$0" /run/containerd && exec "$@"`
	args := slices.Concat(prefix, []string{"sh", "-c", isolate, d.Path("run")}, command)
	d.program = command[0]
	d.cmd = exec.Command(args[0], args[1:]...)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	// In a process group of its own, so that Ctrl-C interrupts only this process, which stops it.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// Pdeathsig is sent when the thread that forked exits, so lock it.
		runtime.LockOSThread()
		err := d.cmd.Start()
		started <- err
		if err == nil {
			_ = d.cmd.Wait() // its log has the reason
		}
		close(d.exited)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", d.program, err)
	}
	return d.await(answers)
}

// await returns when the daemon responds.
func (d *Daemon) await(answers func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		err := answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-d.exited:
			return fmt.Errorf("start %s: it exited\n%s", d.program, d.Log())
		case <-ctx.Done():
			return fmt.Errorf("start %s: no response within %v: %w\n%s", d.program, startTimeout, err, d.Log())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop calls empty to remove the containers, ends the program and removes its files. A second
// call does nothing.
func (d *Daemon) Stop(empty func(context.Context)) (err error) {
	d.once.Do(func() {
		if d.cmd != nil && d.cmd.Process != nil {
			d.end(empty)
		}
		err = errors.Join(remove(d.dir), d.lock.Close())
	})
	return err
}

func (d *Daemon) end(empty func(context.Context)) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	empty(ctx)
	// unshare forwards no signals, so signal its only child, the daemon. If the daemon is
	// not found or hangs, it is killed with unshare.
	if pid, err := d.PID(); err == nil {
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
	select {
	case <-d.exited:
	case <-ctx.Done():
		_ = d.cmd.Process.Kill()
		<-d.exited
	}
}

// PID returns the process ID of the running program, the first in its PID namespace.
func (d *Daemon) PID() (int, error) { return child(d.cmd.Process.Pid) }

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
	text, err := os.ReadFile(d.Path("log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-logBytes):])
}

// Folder creates a folder that the user of every container can write to. It is removed with
// the daemon.
func (d *Daemon) Folder() (string, error) {
	dir, err := os.MkdirTemp(d.Path("shared"), "")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o777|os.ModeSticky)
}

// Name is the name of the daemon's cgroup, unique on this machine.
func (d *Daemon) Name() string { return filepath.Base(d.dir) }

// Path returns the path of a file in the daemon's folder.
func (d *Daemon) Path(name string) string { return filepath.Join(d.dir, name) }
