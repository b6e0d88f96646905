package cgroup

import (
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

// sentinel is a constant error: compare with errors.Is.
type sentinel string

func (s sentinel) Error() string { return string(s) }

const (
	// ErrRootCgroup means that, on v2, no cgroup accounts the memory: the root cgroup has
	// no memory.current.
	ErrRootCgroup = sentinel("process is in the root cgroup: no container accounts its memory")
	// ErrNoController means that neither the process's cgroup nor a visible
	// ancestor has the memory controller.
	ErrNoController = sentinel("the memory controller is not enabled for the process's cgroup")
	// ErrNoMount means that no accessible mount shows the process's cgroup.
	ErrNoMount = sentinel("no mounted cgroup filesystem shows the process's memory cgroup")
	// ErrNotCgroup means that a file or directory is not on a cgroup filesystem.
	ErrNotCgroup = sentinel("not on a cgroup filesystem of the expected version")
	// ErrGone means that the process ended, or the kernel removed its cgroup.
	ErrGone = sentinel("the process or its cgroup is gone")
)

const (
	fixUser       = "run the sidecar with the JVM's own UID and GID"
	fixRoot       = "run the JVM in a container, or in a cgroup of its own"
	fixController = "enable the memory controller: +memory in cgroup.subtree_control of the parent cgroups, no cgroup_disable=memory on the kernel's command line"
	fixMount      = "mount the cgroup filesystem at /sys/fs/cgroup in the JVM's container, as container runtimes do"
)

// Error is a failed operation on a file.
type Error struct {
	Op   string // "open", "read", "parse"
	Path string
	Err  error
	Fix  string // what the operator can do, without a full stop; "" if unknown
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op + " " + e.Path + ": " + e.Err.Error())
	if e.Fix != "" {
		b.WriteString("; " + e.Fix)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// fail wraps a system error, with the fix if there is one.
func fail(op, path string, err error) *Error {
	// The *PathError of package os would repeat the path.
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err
	}
	e := &Error{Op: op, Path: path, Err: err}
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.Fix = fixUser
	case errors.Is(err, ErrRootCgroup):
		e.Fix = fixRoot
	case errors.Is(err, ErrNoController):
		e.Fix = fixController
	case errors.Is(err, ErrNoMount):
		e.Fix = fixMount
	}
	return e
}

// vanished reports whether the error is that of an ended process (ESRCH, ENOENT) or of a
// removed cgroup (ENOENT from open, ENODEV from read).
func vanished(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENODEV)
}
