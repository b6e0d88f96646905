package jvmtest

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroup is a memory cgroup made for one JVM.
type cgroup struct {
	dir     string
	version int // 1 or 2
}

// newCgroup makes a cgroup for a process of the user uid, with the limit
// (0 = none) for memory, and for memory with swap where the kernel counts it:
// as Kubernetes sets them.
func newCgroup(limitBytes int64, uid int) (*cgroup, error) {
	own, mount, version, err := locate("/proc/self")
	if err != nil {
		return nil, err
	}
	parent := own
	if version == 2 {
		if parent, err = memoryParent(own, mount); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(parent, "jvmtest-")
	if err != nil {
		return nil, fmt.Errorf("make a memory cgroup below %s: %w", parent, err)
	}
	c := &cgroup{dir: dir, version: version}
	if err := c.prepare(limitBytes, uid); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	return c, nil
}

func (c *cgroup) prepare(limitBytes int64, uid int) error {
	// As the kernel makes them: MkdirTemp's 0700 would hide the files from
	// another user, who can read them in a container.
	if err := os.Chmod(c.dir, 0o755); err != nil {
		return err
	}
	if c.version == 1 && uid != 0 {
		// The shim enters on its own, already as that user.
		if err := os.Chown(filepath.Join(c.dir, "cgroup.procs"), uid, -1); err != nil {
			return err
		}
	}
	if limitBytes == 0 {
		return nil
	}
	limit, limitSwap, swap := "memory.max", "memory.swap.max", "0"
	if c.version == 1 {
		limit, limitSwap, swap = "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", strconv.FormatInt(limitBytes, 10)
	}
	if err := c.write(limit, strconv.FormatInt(limitBytes, 10)); err != nil {
		return err
	}
	// Absent where the kernel does not account swap.
	if err := c.write(limitSwap, swap); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (c *cgroup) write(file, value string) error {
	return writeExisting(filepath.Join(c.dir, file), value)
}

// writeExisting never creates: cgroup files exist or are unknown to the kernel.
func writeExisting(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(value); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// remove kills what still runs in the cgroup and removes it. The kernel says
// EBUSY for a moment after the last process has gone.
func (c *cgroup) remove() error {
	var err error
	for range 200 {
		pids, readErr := os.ReadFile(filepath.Join(c.dir, "cgroup.procs"))
		if errors.Is(readErr, fs.ErrNotExist) {
			return nil
		}
		for _, field := range strings.Fields(string(pids)) {
			// 0 is a process of another PID namespace: no target.
			if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
				_ = syscall.Kill(pid, syscall.SIGKILL) // gone already is fine
			}
		}
		if err = os.Remove(c.dir); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("remove the cgroup: %w", err)
}

// locate returns the directory of the memory cgroup of the process whose
// /proc directory is given, the mount point that it is below, and the version
// of the hierarchy that has the memory controller.
func locate(proc string) (dir, mount string, version int, err error) {
	membership, err := os.ReadFile(filepath.Join(proc, "cgroup"))
	if err != nil {
		return "", "", 0, err
	}
	var path string
	for line := range strings.Lines(string(membership)) {
		// hierarchy:controllers:path
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if slices.Contains(strings.Split(parts[1], ","), "memory") {
			path, version = parts[2], 1
			break
		}
		if parts[0] == "0" {
			path, version = parts[2], 2
		}
	}
	if version == 0 {
		return "", "", 0, fmt.Errorf("%s/cgroup names no memory cgroup", proc)
	}
	mounts, err := os.Open(filepath.Join(proc, "mountinfo"))
	if err != nil {
		return "", "", 0, err
	}
	defer mounts.Close()
	scan := bufio.NewScanner(mounts)
	for scan.Scan() {
		// id parent dev root mountpoint options [optional...] - type source superoptions
		before, after, _ := strings.Cut(scan.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) < 5 || len(right) < 3 {
			continue
		}
		v1 := right[0] == "cgroup" && slices.Contains(strings.Split(right[2], ","), "memory")
		if version == 1 && !v1 || version == 2 && right[0] != "cgroup2" {
			continue
		}
		// In a container on v1 the mount shows only the container's own part
		// of the hierarchy, while the membership is the whole path.
		rel, err := filepath.Rel(left[3], path)
		if err != nil || strings.HasPrefix(rel, "..") {
			rel = "."
		}
		return filepath.Join(left[4], rel), left[4], version, nil
	}
	if err := scan.Err(); err != nil {
		return "", "", 0, fmt.Errorf("read %s/mountinfo: %w", proc, err)
	}
	return "", "", 0, fmt.Errorf("%s/mountinfo: no cgroup v%d mount with memory", proc, version)
}

// memoryParent returns the nearest cgroup from own up to the mount whose
// children get the memory controller. A cgroup that holds processes, such as
// own, can't give it, unless it is the root of the hierarchy.
func memoryParent(own, mount string) (string, error) {
	var errs []error
	for dir := own; ; dir = filepath.Dir(dir) {
		control := filepath.Join(dir, "cgroup.subtree_control")
		given, err := os.ReadFile(control)
		if err == nil && !slices.Contains(strings.Fields(string(given)), "memory") {
			err = writeExisting(control, "+memory")
		}
		if err == nil {
			return dir, nil
		}
		errs = append(errs, err)
		if dir == mount || len(dir) <= 1 {
			return "", fmt.Errorf("no cgroup gives its children the memory controller: %w", errors.Join(errs...))
		}
	}
}
