package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/jvmem/jvmem/e2e/debian"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// kit is everything that the suite needs.
type kit struct {
	tree *debian.Tree
	need string
	// work is a folder with jvmem, suite (the test binary) and app (the workload).
	work string
	// key is a hash of the content of all of it.
	key string
}

func makeKit(ctx context.Context, root string) (*kit, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	k := &kit{need: filepath.Join(root, ".ci/need")}
	if k.tree, err = debian.Get(ctx, k.need); err != nil {
		return nil, err
	}
	if k.work, err = os.MkdirTemp("/var/tmp", "jvmem-kit-"); err != nil {
		return nil, err
	}
	if err := k.build(ctx, root); err != nil {
		k.remove()
		return nil, err
	}
	return k, nil
}

func (k *kit) remove() { _ = os.RemoveAll(k.work) } // the system removes it otherwise

// build compiles. The binary under test has no version, which would change its hash with
// each commit.
func (k *kit) build(ctx context.Context, root string) error {
	for dir, args := range map[string][]string{
		root:                       {"build", "-trimpath", "-buildvcs=false", "-o", k.path("jvmem"), "./cmd/jvmem"},
		filepath.Join(root, "e2e"): {"test", "-c", "-trimpath", "-buildvcs=false", "-o", k.path("suite"), "."},
	} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go %v: %w\n%s", args, err, out)
		}
	}
	for _, tool := range [][2]string{{"javac", "default-jdk-headless"}, {"gcc", "gcc libc6-dev"}} {
		if out, err := exec.CommandContext(ctx, k.need, tool[0], tool[1]).CombinedOutput(); err != nil {
			return fmt.Errorf("install %s: %w\n%s", tool[1], err, out)
		}
	}
	if err := os.Mkdir(k.path("app"), 0o755); err != nil {
		return err
	}
	if err := jvmtest.Build(k.path("app")); err != nil {
		return err
	}
	sum := sha256.New()
	fmt.Fprintln(sum, k.tree.Key, k.tree.JDKs)
	if err := hash(sum, k.work); err != nil {
		return err
	}
	k.key = hex.EncodeToString(sum.Sum(nil)[:8])
	return os.Chmod(k.work, 0o755) // the users of containers read the workload
}

func (k *kit) path(name string) string { return filepath.Join(k.work, name) }

// hash writes the names and the content of the files of a folder.
func hash(to io.Writer, dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		fmt.Fprintln(to, path[len(dir):])
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(to, file)
		return err
	})
}
