package daemon

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A cgroup has a name as container runtimes use it for a parent: a path, or a slice
// (a-b.slice) that systemd creates.

const cgroups = "/sys/fs/cgroup"

// MakeCgroup creates a cgroup and its parents, as kubelet does for a pod. The memory limit is
// in bytes, 0 for none.
func MakeCgroup(name string, limit int64) error {
	if strings.HasSuffix(name, suffix) {
		return makeSlice(name, limit)
	}
	file := "memory.max"
	if V2() {
		// A folder's controllers are those that the one above hands down. The
		// runtime enables the others.
		at := cgroups
		for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
			if err := os.WriteFile(filepath.Join(at, "cgroup.subtree_control"), []byte("+memory"), 0); err != nil {
				return err
			}
			at = filepath.Join(at, part)
			if err := os.MkdirAll(at, 0o755); err != nil {
				return err
			}
		}
	} else {
		file = "memory.limit_in_bytes"
		for _, root := range hierarchies() {
			if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
				return err
			}
		}
	}
	if limit == 0 {
		return nil
	}
	return os.WriteFile(filepath.Join(MemoryDir(name), file), []byte(strconv.FormatInt(limit, 10)), 0)
}

// RemoveCgroup removes a cgroup and its descendants in all hierarchies. It must be empty,
// except for a slice, whose processes systemd ends.
func RemoveCgroup(name string) error {
	if strings.HasSuffix(name, suffix) {
		return removeSlice(name)
	}
	var errs []error
	for _, root := range hierarchies() {
		errs = append(errs, removeFolders(filepath.Join(root, name)))
	}
	return errors.Join(errs...)
}

// MemoryDir returns the folder of a cgroup on this machine, on v1 that of the memory
// controller.
func MemoryDir(name string) string {
	if strings.HasSuffix(name, suffix) {
		name = sliceFolder(name)
	}
	if V2() {
		return filepath.Join(cgroups, name)
	}
	return filepath.Join(cgroups, "memory", name)
}

// V2 reports whether this machine has cgroup v2 only.
func V2() bool {
	_, err := os.Stat(filepath.Join(cgroups, "cgroup.controllers"))
	return err == nil
}

// hierarchies returns the root folders of the cgroups.
func hierarchies() []string {
	if V2() {
		return []string{cgroups}
	}
	found, _ := filepath.Glob(filepath.Join(cgroups, "*")) // the pattern is right
	return found
}

// removeFolders removes a folder and its descendants. The kernel returns EBUSY for a moment
// after the last process has exited.
func removeFolders(root string) error {
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
