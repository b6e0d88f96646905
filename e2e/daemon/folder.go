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
	// removeTimeout is how long the processes of a killed daemon may take to end.
	removeTimeout = 30 * time.Second
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
	for _, name := range []string{"shared", "run"} {
		if err == nil {
			// Containers' users need not reach them by name: they are mounted for them.
			err = os.Mkdir(filepath.Join(dir, name), 0o700)
		}
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

// remove removes a daemon's folder and cgroups. The slice goes first, with what
// runs in it.
func remove(dir string) error {
	name := filepath.Base(dir)
	return errors.Join(RemoveCgroup(Slice(name)), RemoveCgroup(name), removeFiles(dir))
}

// removeFiles tries again, as a daemon that was killed may write a last file.
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
