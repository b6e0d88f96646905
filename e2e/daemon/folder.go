package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	parent = "/var/tmp"
	prefix = "jvmem-e2e-"
	// removeTimeout limits the time until the processes of a killed daemon have exited.
	removeTimeout = 30 * time.Second
)

// makeFolder creates the folder of a daemon, with a file that is locked while its owner runs.
func makeFolder() (string, *os.File, error) {
	dir, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return "", nil, err
	}
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	for _, name := range []string{"shared", "run"} {
		if err == nil {
			// Containers do not open it by path: it is mounted for them.
			err = os.Mkdir(filepath.Join(dir, name), 0o700)
		}
	}
	return dir, lock, err
}

// sweep removes the daemons of killed owners.
func sweep() error {
	dirs, err := filepath.Glob(filepath.Join(parent, prefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		lock, err := os.Open(filepath.Join(dir, "lock"))
		if err != nil {
			continue // being created or removed
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			err = remove(dir)
		}
		if err = errors.Join(err, lock.Close()); err != nil {
			return fmt.Errorf("remove files of an earlier run: %w", err)
		}
	}
	return nil
}

// remove removes a daemon's folder and cgroups; first the slice, with its processes.
func remove(dir string) error {
	name := filepath.Base(dir)
	return errors.Join(RemoveCgroup(Slice(name)), RemoveCgroup(name), removeFiles(dir))
}

// removeFiles retries, as a killed daemon may still write a file.
func removeFiles(dir string) error {
	return retry(func() error { return os.RemoveAll(dir) })
}

func retry(do func() error) error {
	for end := time.Now().Add(removeTimeout); ; time.Sleep(20 * time.Millisecond) {
		err := do()
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if time.Now().After(end) {
			return err
		}
	}
}
