package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	parent  = "/var/tmp"
	prefix  = "jvmem-e2e-"
	cgroups = "/sys/fs/cgroup"
)

// makeFolder makes the folder of a daemon, with a lock file that says that its
// owner lives.
func makeFolder() (string, *os.File, error) {
	dir, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return "", nil, err
	}
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err == nil {
		// Containers' users need not reach it by name: it is mounted for them.
		err = os.Mkdir(filepath.Join(dir, "shared"), 0o700)
	}
	return dir, lock, err
}

// sweep removes what daemons left whose owner was killed.
func sweep() error {
	dirs, err := filepath.Glob(filepath.Join(parent, prefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		lock, err := os.Open(filepath.Join(dir, "lock"))
		if err != nil {
			continue // just being made, or removed
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			err = remove(dir)
		}
		if err = errors.Join(err, lock.Close()); err != nil {
			return fmt.Errorf("remove what an earlier run left: %w", err)
		}
	}
	return nil
}

// remove removes a daemon's folder and cgroups.
func remove(dir string) error {
	var groups []string
	for _, pattern := range []string{"*", "*/*"} { // v2, v1
		found, err := filepath.Glob(filepath.Join(cgroups, filepath.Dir(pattern), filepath.Base(dir)))
		if err != nil {
			return err
		}
		groups = append(groups, found...)
	}
	var errs []error
	for _, group := range groups {
		errs = append(errs, removeCgroup(group))
	}
	return errors.Join(append(errs, removeFiles(dir))...)
}

// removeCgroup removes a cgroup with those below it. The kernel says EBUSY for
// a moment after the last process has gone.
func removeCgroup(root string) error {
	return retry(func() error {
		var dirs []string
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				dirs = append(dirs, path)
			}
			return err
		})
		for _, dir := range slices.Backward(dirs) {
			err = errors.Join(err, os.Remove(dir))
		}
		return err
	})
}

// removeFiles tries again, as a daemon that was killed may write a last file.
func removeFiles(dir string) error {
	return retry(func() error { return os.RemoveAll(dir) })
}

func retry(do func() error) (err error) {
	for range 100 {
		if err = do(); err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}
