package cgroup

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/cgroups/v3"
	"github.com/cyphar/filepath-securejoin/pathrs-lite"
)

// FS is a proc filesystem. Its methods may be called concurrently.
type FS struct {
	Proc string // "" means "/proc"
	// fixture allows a tree of plain files in place of a cgroup filesystem.
	fixture bool
}

func (f FS) path(elem ...string) string {
	return filepath.Join(append([]string{cmp.Or(f.Proc, "/proc")}, elem...)...)
}

// PathOf returns the cgroup of the process in the hierarchy of the memory
// controller; processes with the same Path share a container. It needs no
// permission. The error is ErrGone for a process that ended or is ending.
func (f FS) PathOf(pid int) (Path, error) {
	file := f.path(strconv.Itoa(pid), "cgroup")
	text, err := readProc(file)
	var v1 map[string]string
	var v2 string
	if err == nil {
		v1, v2, err = cgroups.ParseCgroupFromReaderUnified(bytes.NewReader(text))
	}
	if err != nil {
		switch {
		case vanished(err) && f.ending(pid):
			err = ErrGone
		case vanished(err): // a kernel without cgroups
			err = ErrNoController
		}
		return Path{}, fail("read", file, err)
	}
	// A controller is in one hierarchy only: where the memory controller has a
	// v1 line, also on a hybrid host, the v2 hierarchy can't have it.
	if name, ok := v1["memory"]; ok {
		if name == "/" && f.ending(pid) {
			return Path{}, fail("read", file, ErrGone)
		}
		return Path{Version: 1, Name: name}, nil
	}
	if v2 == "" {
		return Path{}, fail("read", file, ErrNoController)
	}
	return Path{Version: 2, Name: v2}, nil
}

// pfExiting is PF_EXITING of include/linux/sched.h.
const pfExiting = 0x4

// ending reports whether a process has ended, or its first thread exits. The kernel then
// writes "/" for its v1 cgroups, whichever they were (proc_cgroup_show of
// kernel/cgroup/cgroup.c). The flag is never reset, so a path that was read before is true
// if it is not set.
func (f FS) ending(pid int) bool {
	// For the stat of the process the kernel would visit all of its threads.
	text, err := readProc(f.path(strconv.Itoa(pid), "task", strconv.Itoa(pid), "stat"))
	if err != nil {
		return vanished(err)
	}
	const flags = 6 // of the fields after the name, which may contain anything
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) <= flags {
		return false
	}
	set, err := strconv.ParseUint(fields[flags], 10, 64)
	return err == nil && set&pfExiting != 0
}

// Open finds and opens the cgroup that accounts the memory of the process. It has one
// descriptor, and one more for each file that was read, until Close. Besides system errors
// it returns ErrGone, ErrRootCgroup, ErrNoController and ErrNoMount; an *Error has the fix.
func (f FS) Open(pid int) (*Group, error) {
	p, err := f.PathOf(pid)
	if err != nil {
		return nil, err
	}
	g, err := f.openSeenBy(strconv.Itoa(pid), p)
	if err == nil || errors.Is(err, ErrRootCgroup) {
		return g, err
	}
	g, own := f.openSeenBy("self", p)
	if own == nil || errors.Is(own, ErrRootCgroup) {
		return g, own
	}
	// The process may have ended meanwhile, which explains any error.
	if _, again := f.PathOf(pid); errors.Is(again, ErrGone) {
		return nil, again
	}
	if errors.Is(own, ErrNoMount) { // the usual case, which adds nothing
		return nil, err
	}
	return nil, fmt.Errorf("%w; through our own mounts: %w", err, own)
}

// openSeenBy opens the cgroup through the mounts of one process.
func (f FS) openSeenBy(proc string, p Path) (*Group, error) {
	file := f.path(proc, "mountinfo")
	info, err := os.Open(file)
	if err != nil {
		return nil, fail("open", file, err)
	}
	defer info.Close()
	mounts, err := parseMountinfo(info)
	if err != nil {
		return nil, fail("read", file, err)
	}
	// The mount with the highest root shows the most ancestors, and their limits.
	slices.SortStableFunc(mounts, func(a, b mount) int { return cmp.Compare(len(a.root), len(b.root)) })
	err = fail("find cgroup "+p.String()+" in", file, ErrNoMount)
	for _, m := range mounts {
		rel, ok := below(p.Name, m.root)
		if !ok || m.version != p.Version {
			continue
		}
		g, mountErr := f.openBelow(f.path(proc, "root"), m.point, rel, p)
		if mountErr == nil {
			return g, nil
		}
		err = mountErr
	}
	return nil, err
}

// openBelow opens rel below a mount point, both resolved inside root: the directory tree
// is the container's, and may have symbolic links to anywhere.
func (f FS) openBelow(root, point, rel string, p Path) (*Group, error) {
	name := filepath.Join(point, rel)
	dir, err := pathrs.OpenInRoot(root, name)
	if err != nil {
		return nil, fail("open", filepath.Join(root, name), err)
	}
	g := &Group{Path: p, name: filepath.Join(root, name), dir: dir, above: depth(rel), fixture: f.fixture}
	if err := g.settle(); err != nil {
		return nil, errors.Join(err, g.Close()) // settle may have climbed
	}
	g.light = g.lightFiles()
	return g, nil
}
