package attach

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/proc"
)

// trigger is the file by which a JVM distinguishes a request to attach from a SIGQUIT
// that requests a thread dump.
type trigger struct {
	dir  *os.File // the caller's
	name string
}

func (c *Client) triggerFile() string { return fmt.Sprintf(".attach_pid%d", c.target.NSPID) }

// createTrigger creates the file in the JVM's /tmp. Other clients use the working
// directory, where the JVM looks first. But the working directory of a starting JVM is
// /tmp/hsperfdata_<user> for a moment (perfMemory_posix.cpp); later the JVM looks
// elsewhere, finds no trigger and prints a thread dump. Also, an application may watch
// its own directory. The JVM writes its socket to /tmp anyway.
func (c *Client) createTrigger(p proc.Status, tmp *os.File) (*trigger, error) {
	t := &trigger{dir: tmp, name: c.triggerFile()}
	if err := c.checkCwd(t.name, p); err != nil {
		return nil, err
	}
	path := filepath.Join(c.procPath("root"), tmpDir, t.name)
	fd, err := unix.Openat(int(tmp.Fd()), t.name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.EEXIST) {
		// It belongs to another client, or was left by one that died.
		return t, c.checkFound(tmp, t.name, path, p)
	}
	if err != nil {
		// The JVM could not create its socket either, and would print a thread dump.
		return nil, c.fail(&Error{Op: "handshake", Path: path, Kind: ErrNoTmp, Reason: "the JVM's /tmp is not writable, so it cannot open its attach socket", Fix: mountTmp, Err: err})
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && int64(st.Uid) != int64(p.UID) {
		// If this fails (no CAP_CHOWN), the JVM may still accept root's file.
		if err = unix.Fchown(fd, p.UID, p.GID); c.trusted(st.Uid, p) {
			err = nil
		}
	}
	if err != nil {
		t.remove()
		return nil, c.fail(&Error{Op: "handshake", Path: path, Kind: ErrPermission,
			Reason: "the attach trigger file cannot be owned by the JVM's user", Fix: runAs(p), Err: err})
	}
	return t, nil
}

// checkCwd looks for a trigger file in the JVM's working directory: the JVM would not
// look for ours.
func (c *Client) checkCwd(name string, p proc.Status) error {
	path := c.procPath("cwd")
	cwd, err := os.OpenFile(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted: the process is known to be there
	}
	if err != nil {
		return c.procError("handshake", path, err)
	}
	defer cwd.Close()
	err = c.checkFound(cwd, name, filepath.Join(path, name), p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// checkFound returns an error unless the JVM accepts a trigger file that exists already.
func (c *Client) checkFound(dir *os.File, name, path string, p proc.Status) error {
	var st unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return c.fail(&Error{Op: "handshake", Path: path, Kind: ErrSystem, Reason: fmt.Sprintf("%s could not be read: %v", path, cause(err)), Err: err})
	}
	if st.Mode&unix.S_IFMT == unix.S_IFREG && c.trusted(st.Uid, p) {
		return nil
	}
	return c.fail(&Error{Op: "handshake", Path: path, Kind: ErrForeign,
		Reason: fmt.Sprintf("an attach trigger file of UID %d exists, which the JVM (UID %d) does not accept", st.Uid, p.UID),
		Fix:    "remove " + path})
}

// trusted reports whether the JVM accepts a trigger file of this owner.
func (c *Client) trusted(uid uint32, p proc.Status) bool {
	return int64(uid) == int64(p.UID) || uid == 0 && c.target.MajorVersion >= firstMajorForRoot
}

// remove deletes the file. A failure has no consequence: once its listener runs, the
// JVM does not look for the file, and the next handshake reuses it.
func (t *trigger) remove() { _ = unix.Unlinkat(int(t.dir.Fd()), t.name, 0) }
