package proc

import (
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Tasks counts the threads of one process repeatedly, through one descriptor, which
// remains that process' own if its PID is given to another.
type Tasks struct {
	dir  *os.File
	stat unix.Stat_t // kept, so that a count allocates nothing
}

// OpenTasks opens the folder of a process' threads. It needs no permission.
func OpenTasks(procfs string, pid int) (*Tasks, error) {
	dir, err := Open(filepath.Join(procfs, strconv.Itoa(pid), "task"))
	if err != nil {
		return nil, Gone(pid, err)
	}
	return &Tasks{dir: dir}, nil
}

// Close closes the descriptor.
func (t *Tasks) Close() error { return t.dir.Close() }

// ownLinks is the link count of an empty folder in procfs.
const ownLinks = 2

// Count returns the number of threads, and whether it is known: not after the process
// ended. The kernel counts a link for each (fs/proc/base.c, proc_task_getattr), so
// unlike with stat, which visits all threads, the time does not depend on their number.
func (t *Tasks) Count() (int64, bool) {
	err := unix.Fstat(int(t.dir.Fd()), &t.stat)
	n := int64(t.stat.Nlink) - ownLinks //nolint:unconvert // 32 bits on arm64
	return n, err == nil && n > 0
}
