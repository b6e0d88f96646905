package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cyphar/filepath-securejoin/pathrs-lite"
	"golang.org/x/sys/unix"
)

// maxFile bounds one read; the longest file, memory.stat, has some 2 KiB.
const maxFile = 64 << 10

// Group is an open memory cgroup. Its methods may be called concurrently.
type Group struct {
	// Path is the cgroup that accounts the memory. On v2 this is an ancestor of
	// FS.PathOf where the process's own cgroup lacks the memory controller (a
	// threaded cgroup, or one below a container without delegation).
	Path Path
	// Root: this is the root cgroup of v1, which accounts the whole machine. (On v2 it
	// cannot be opened: ErrRootCgroup.)
	Root bool

	name    string   // for errors only
	dir     *os.File // O_PATH
	above   int      // visible ancestors, up to the root of the mount
	below   string   // the process's own cgroup, where this is an ancestor of it
	fixture bool

	light lightFiles
	lock  sync.Mutex          // of what follows
	files map[string]*os.File // those that were read, kept open
	text  []byte              // room for a file
}

// Close releases the descriptors.
func (g *Group) Close() error {
	g.lock.Lock()
	defer g.lock.Unlock()
	errs := []error{g.dir.Close()}
	for _, f := range g.files {
		errs = append(errs, f.Close())
	}
	clear(g.files)
	return errors.Join(errs...)
}

// settle checks the directory and climbs to the cgroup that accounts memory.
func (g *Group) settle() error {
	if err := g.check(g.dir, unix.S_IFDIR); err != nil {
		return fail("open", g.name, err)
	}
	if g.Path.Version == 1 {
		// Only the root has it (CFTYPE_ONLY_ON_ROOT in kernel/cgroup/cgroup-v1.c).
		root, err := g.has("cgroup.sane_behavior")
		g.Root = root
		return err
	}
	for {
		if ok, err := g.has("memory.current"); ok || err != nil {
			return err
		}
		if g.above == 0 {
			return g.unaccounted()
		}
		up, err := g.open("..", unix.S_IFDIR)
		if err != nil {
			return err
		}
		left := g.dir
		g.below = filepath.Join(filepath.Base(g.name), g.below)
		g.dir, g.above, g.Path, g.name = up, g.above-1, g.Path.parent(), filepath.Dir(g.name)
		if err := left.Close(); err != nil {
			return fail("close", left.Name(), err)
		}
	}
}

// unaccounted returns why the highest visible cgroup has no memory.current.
func (g *Group) unaccounted() error {
	// Every cgroup but the root has it (CFTYPE_NOT_ON_ROOT).
	inner, err := g.has("cgroup.events")
	if err != nil {
		return err
	}
	controllers, err := g.read("cgroup.controllers")
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(controllers) {
		if name == "memory" && !inner {
			return fail("open", g.name, ErrRootCgroup)
		}
	}
	return fail("open", g.name, ErrNoController)
}

// open opens a file, relative to the cgroup, as O_PATH. The directory belongs to the cgroup
// filesystem, so only a mount over the file can substitute another one; check detects that
// before the file is opened for reading.
func (g *Group) open(file string, kind uint32) (*os.File, error) {
	name := filepath.Join(g.name, file)
	fd := -1
	err := withFD(g.dir, func(dir int) (err error) {
		fd, err = unix.Openat(dir, file, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, fail("open", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	if err := g.check(f, kind); err != nil {
		return nil, fail("open", name, errors.Join(err, f.Close()))
	}
	return f, nil
}

// check verifies the kind of the file, and that it is on a cgroup filesystem.
func (g *Group) check(f *os.File, kind uint32) error {
	var st unix.Stat_t
	var vfs unix.Statfs_t
	err := withFD(f, func(fd int) error {
		if err := unix.Fstat(fd, &st); err != nil {
			return err
		}
		return unix.Fstatfs(fd, &vfs)
	})
	if err != nil {
		return err
	}
	magic := int64(unix.CGROUP2_SUPER_MAGIC)
	if g.Path.Version == 1 {
		magic = unix.CGROUP_SUPER_MAGIC
	}
	if st.Mode&unix.S_IFMT != kind || int64(vfs.Type) != magic && !g.fixture {
		return ErrNotCgroup
	}
	return nil
}

// withFD runs a system call on the descriptor, which a concurrent Close does not close
// meanwhile.
func withFD(f *os.File, call func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var callErr error
	if err := conn.Control(func(fd uintptr) { callErr = call(int(fd)) }); err != nil {
		return os.ErrClosed // the only error of Control
	}
	return callErr
}

// has reports whether the file exists.
func (g *Group) has(file string) (bool, error) {
	f, err := g.open(file, unix.S_IFREG)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, f.Close()
}

// reopen opens a file for reading, with further flags.
func (g *Group) reopen(file string, flags int) (*os.File, error) {
	handle, err := g.open(file, unix.S_IFREG)
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	f, err := pathrs.Reopen(handle, unix.O_RDONLY|unix.O_CLOEXEC|flags)
	if err != nil {
		return nil, fail("open", handle.Name(), err)
	}
	return f, nil
}

// Read reads all values of a Reading, and allocates nothing once the files are open. After
// an error no value is known; ErrGone as in Memory.
func (g *Group) Read(r *Reading) error {
	if err := r.fill(&g.light, g.readInto); err != nil {
		return g.unreadable(g.light.usage, err)
	}
	return nil
}

// read returns the contents of a file.
func (g *Group) read(file string) (text string, err error) {
	err = g.with(file, func(f *os.File) error {
		if g.text == nil {
			g.text = make([]byte, flatBytes)
		}
		for {
			n, err := pread(f, g.text)
			if err != nil {
				return err
			}
			if n < len(g.text) || n >= maxFile {
				text = string(g.text[:n])
				return nil
			}
			g.text = make([]byte, 2*len(g.text))
		}
	})
	return text, err
}

// pread reads a file from its start. The kernel writes each file of a cgroup in one piece,
// so there is no more if it leaves room. The file must not be closed meanwhile.
func pread(f *os.File, buf []byte) (int, error) {
	for {
		n, err := unix.Pread(int(f.Fd()), buf, 0)
		if !errors.Is(err, unix.EINTR) {
			return max(n, 0), err
		}
	}
}

// readInto reads as much of a file as there is room for.
func (g *Group) readInto(file string, buf []byte) (text []byte, err error) {
	err = g.with(file, func(f *os.File) error {
		n, err := pread(f, buf)
		text = buf[:n]
		return err
	})
	return text, err
}

// with calls read with an open file, once more if it was removed and exists again.
func (g *Group) with(file string, read func(*os.File) error) error {
	g.lock.Lock()
	defer g.lock.Unlock()
	f, kept := g.files[file], true
	for {
		if f == nil {
			kept = false
			var err error
			if f, err = g.reopen(file, 0); err != nil {
				return err
			}
			if g.files == nil {
				g.files = make(map[string]*os.File)
			}
			g.files[file] = f
		}
		err := read(f)
		if err == nil {
			return nil
		}
		// It was removed, with the cgroup, or with the controller, which may be back.
		delete(g.files, file)
		if err = errors.Join(err, f.Close()); !kept {
			return fail("read", filepath.Join(g.name, file), err)
		}
		f = nil
	}
}

// depth counts the components of a relative path.
func depth(rel string) int {
	if rel == "" {
		return 0
	}
	return strings.Count(rel, "/") + 1
}
