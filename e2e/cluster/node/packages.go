package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Debian packages that are unpacked and not installed: installing etcd-server would start a
// server, and busybox-static conflicts with busybox.
var packages = []string{"etcd-server", "containernetworking-plugins", "busybox-static"}

// Files of the packages, below their folder.
const (
	etcdFile    = "usr/bin/etcd"
	cniFolder   = "usr/lib/cni"
	busyboxFile = "bin/busybox"
)

// unpack downloads the packages and unpacks them if they are missing.
func (b binaries) unpack(ctx context.Context, need string) error {
	for _, tool := range [][2]string{
		{"containerd", "containerd"}, {"runc", "runc"}, {"nsenter unshare", "util-linux"},
		{"javac", "default-jdk-headless"}, {"gcc", "gcc libc6-dev"},
	} {
		if out, err := exec.CommandContext(ctx, need, tool[0], tool[1]).CombinedOutput(); err != nil {
			return fmt.Errorf("install %s: %w\n%s", tool[1], err, out)
		}
	}
	if _, err := os.Stat(b.file(busyboxFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	scratch := b.packages() + ".partial"
	if err := errors.Join(os.RemoveAll(scratch), os.Remove(b.packages()), os.MkdirAll(filepath.Join(scratch, "root"), 0o755)); err != nil {
		return err
	}
	// As .ci/need, which has the lock: apt has no way to wait for its own.
	const script = `
		exec 9>/var/lock/jvmem-need
		flock 9
		for attempt in 1 2 3 4 5 6 7 8 9 10 11 12; do
			apt-get -qq update && break
			sleep 5
		done
		apt-get -qq -o APT::Sandbox::User=root download "$@"
		for file in *.deb; do dpkg-deb --extract "$file" root; done`
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-ec", script, "sh"}, packages...)...)
	cmd.Dir = scratch
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("download and unpack the Debian packages %v: %w\n%s", packages, errors.Join(err, ctx.Err()), out)
	}
	return errors.Join(os.Rename(filepath.Join(scratch, "root"), b.packages()), os.RemoveAll(scratch))
}

// lock locks a file when no other process holds the lock. Closing the file or exiting releases
// it.
func lock(ctx context.Context, path string) (*os.File, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), file.Close())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
