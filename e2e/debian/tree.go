package debian

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// recipe must be increased if the same packages result in another tree.
const recipe = 2

// Tree is a complete tree. It must not be modified.
type Tree struct {
	// Dir is its folder.
	Dir string
	// Key identifies the list of packages and the recipe, not the versions of the packages,
	// which are those at the time of the build.
	Key string
	// JDKs of the manifest.
	JDKs []JDK
}

// System returns the root file system of a guest.
func (t *Tree) System() string { return filepath.Join(t.Dir, systemName) }

// Base returns the root file system of a JVM's container.
func (t *Tree) Base() string { return filepath.Join(t.Dir, baseName) }

// JDKFolder returns the folder of the JDKs and their manifest.
func (t *Tree) JDKFolder() string { return filepath.Join(t.Dir, jdkName) }

// Get returns the tree on this machine. If there is none it builds one, which takes a minute,
// and reports the progress on stderr. Remove the folder to get newer versions. need is the
// script that installs Debian packages (.ci/need). If several processes call it, one builds
// and the others wait.
func Get(ctx context.Context, need string) (*Tree, error) {
	key := fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, recipe, mirror, systemPackages, required)))[:12]
	dir := filepath.Join(cache(), key)
	if err := get(ctx, dir, need, build); err != nil {
		return nil, err
	}
	return open(dir, key)
}

// open returns the tree in a folder, or fs.ErrNotExist. A tree that exists is complete.
func open(dir, key string) (*Tree, error) {
	jdks, err := ReadManifest(filepath.Join(dir, jdkName, ManifestName))
	if err != nil {
		return nil, err
	}
	return &Tree{Dir: dir, Key: key, JDKs: jdks}, nil
}

// get builds a tree unless its folder exists, which then is complete.
func get(ctx context.Context, dir, need string, build func(ctx context.Context, dir string) error) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("needs root to run programs in a chroot")
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	lock, err := lock(ctx, dir+".lock")
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err // another process built it
	}
	const packages = "debootstrap gpgv xz-utils debian-archive-keyring"
	if out, err := exec.CommandContext(ctx, need, "debootstrap gpgv unxz", packages).CombinedOutput(); err != nil {
		return fmt.Errorf("install %s: %w\n%s", packages, err, out)
	}
	if err := build(ctx, dir); err != nil {
		return fmt.Errorf("build the Debian tree: %w", err)
	}
	return nil
}

// cache returns the folder of the trees.
func cache() string {
	dir, err := os.UserCacheDir()
	if err != nil { // no HOME, as for a service
		dir = "/var/cache"
	}
	return filepath.Join(dir, "jvmem-e2e")
}

// lock locks a file when no other process holds the lock. Closing the file or exiting releases
// it.
func lock(ctx context.Context, path string) (*os.File, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	for reported := false; ; reported = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
		}
		if !reported {
			progress("waiting for another process that builds it")
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), file.Close())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "debian: "+format+"\n", args...) }
