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

// recipe is to be raised when the packages are the same, but what is made of
// them is not.
const recipe = 2

// Tree is what Get got. Nothing in it may be changed.
type Tree struct {
	// Dir is the folder that holds it all.
	Dir string
	// Key stands for the packages asked for and what is made of them. It says
	// nothing of their versions, which are those of the day.
	Key string
	// JDKs are those of the manifest.
	JDKs []JDK
}

// System returns the root file system of a guest.
func (t *Tree) System() string { return filepath.Join(t.Dir, systemName) }

// Base returns the root file system of a JVM's container.
func (t *Tree) Base() string { return filepath.Join(t.Dir, baseName) }

// JDKFolder returns the folder of the JDKs and their manifest.
func (t *Tree) JDKFolder() string { return filepath.Join(t.Dir, jdkName) }

// Get returns what is on this machine, or else makes it, which takes a minute;
// it tells on stderr how far it is. What was made is used for as long as it is
// there: remove its folder to get newer versions. need is the script that
// installs Debian packages (.ci/need). Of several processes that call it one
// makes it, and the others wait.
func Get(ctx context.Context, need string) (*Tree, error) {
	key := fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, recipe, mirror, systemPackages, required)))[:12]
	dir := filepath.Join(cache(), key)
	tree, err := open(dir, key)
	if !errors.Is(err, fs.ErrNotExist) {
		return tree, err
	}
	if err := get(ctx, dir, need); err != nil {
		return nil, fmt.Errorf("get Debian sid: %w", err)
	}
	return open(dir, key)
}

// open returns the tree in a folder, or fs.ErrNotExist. What is there is complete.
func open(dir, key string) (*Tree, error) {
	jdks, err := ReadManifest(filepath.Join(dir, jdkName, ManifestName))
	if err != nil {
		return nil, err
	}
	return &Tree{Dir: dir, Key: key, JDKs: jdks}, nil
}

func get(ctx context.Context, dir, need string) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root, to run its programs in a chroot")
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	lock, err := lock(ctx, dir+".lock")
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := open(dir, ""); !errors.Is(err, fs.ErrNotExist) {
		return err // another process made it
	}
	const packages = "debootstrap gpgv xz-utils debian-archive-keyring"
	if out, err := exec.CommandContext(ctx, need, "debootstrap gpgv unxz", packages).CombinedOutput(); err != nil {
		return fmt.Errorf("install %s: %w\n%s", packages, err, out)
	}
	return build(ctx, dir)
}

// cache returns the folder that keeps the trees.
func cache() string {
	dir, err := os.UserCacheDir()
	if err != nil { // no HOME, as for a service
		dir = "/var/cache"
	}
	return filepath.Join(dir, "jvmem-e2e")
}

// lock returns the file when no other process has it locked; closing it unlocks
// it, as the end of the process does.
func lock(ctx context.Context, path string) (*os.File, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	for told := false; ; told = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
		}
		if !told {
			say("another process makes it, wait")
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), file.Close())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "debian: "+format+"\n", args...) }
