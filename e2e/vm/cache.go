package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// cache is the folder of files that are built once, and the lock for it.
type cache struct {
	dir  string
	name string // of the lock and of what it protects
	lock *os.File
}

// openCache waits for processes that write to the cache under a name, and removes what a killed
// process left.
func openCache(ctx context.Context, name string) (*cache, error) {
	dir, err := os.UserCacheDir()
	if err != nil { // no HOME, as for a service
		dir = "/var/cache"
	}
	c := &cache{dir: filepath.Join(dir, "jvmem-e2e"), name: name}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return nil, err
	}
	c.lock, err = os.Create(c.path(name + ".lock"))
	if err != nil {
		return nil, err
	}
	if err = flock(ctx, c.lock); err == nil {
		err = os.RemoveAll(c.path(name + ".new"))
	}
	if err != nil {
		return nil, errors.Join(err, c.lock.Close())
	}
	return c, nil
}

func (c *cache) path(name string) string { return filepath.Join(c.dir, name) }

// have returns the path of a file in the cache. If it does not exist, build creates it in a
// folder under that name; the rest of the folder is removed, and so are files in the cache
// whose names match others.
func (c *cache) have(name, others string, build func(folder string) error) (string, error) {
	path := c.path(name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	folder := c.path(c.name + ".new")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return "", err
	}
	err := build(folder)
	if err == nil {
		err = c.replace(others, filepath.Join(folder, name), path)
	}
	return path, errors.Join(err, os.RemoveAll(folder))
}

// replace moves a file into the cache and removes those that match a pattern.
func (c *cache) replace(others, from, to string) error {
	old, err := filepath.Glob(c.path(others))
	for _, path := range old {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return errors.Join(err, os.Rename(from, to))
}

// scratch creates a file without a name.
func (c *cache) scratch() (*os.File, error) {
	file, err := os.CreateTemp(c.dir, "vm-")
	if err != nil {
		return nil, err
	}
	return file, os.Remove(file.Name()) // so nothing remains of a killed process
}

// do runs a command. Unless file is nil it is descriptor 3 of the command.
func do(ctx context.Context, dir string, file *os.File, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	// As for QEMU: see machine.run.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with what it started
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if file != nil {
		cmd.ExtraFiles = []*os.File{file}
	}
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, errors.Join(err, ctx.Err()), bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), nil
}

// flock waits for the lock of a file.
func flock(ctx context.Context, file *os.File) error {
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
