package threads

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/proc"
)

// Thread is one thread of a process.
type Thread struct {
	ID   int // in the reader's PID namespace
	Name string
}

// Read returns all threads of a process. Threads that end meanwhile are left out.
// proc.ErrGone: the process ended.
func Read(procfs string, pid int) ([]Thread, error) { return new(Reader).Read(procfs, pid) }

const (
	// minReads is how often a name is read before it is kept: a thread starts with the
	// name of the thread that created it.
	minReads = 2
	// rereadEvery is after how many calls of Read a kept name is read again: a thread
	// may be renamed. Only some threads are read again in each call.
	rereadEvery = 6
)

// Reader reads the threads of one process repeatedly. It keeps names between two
// reads, as opening a file per thread is the most expensive part. Not safe for
// concurrent use.
type Reader struct {
	round int
	known map[int]knownThread // by ID
	list  []Thread
	pools wholePools
}

type knownThread struct {
	name  string // the kernel's
	whole string // the Java name, "": not known
	tries int    // to find it
	reads int
	round int // of the last Read that found it
}

// Read returns the threads. The slice is valid until the next Read.
func (r *Reader) Read(procfs string, pid int) ([]Thread, error) {
	dir, err := proc.Open(filepath.Join(procfs, strconv.Itoa(pid), "task"))
	if err != nil {
		return nil, proc.Gone(pid, err)
	}
	defer dir.Close()
	ids, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, proc.Gone(pid, err)
	}
	if r.known == nil {
		r.known = make(map[int]knownThread, len(ids))
	}
	r.round++
	r.list = r.list[:0]
	for _, id := range ids {
		tid, err := strconv.Atoi(id)
		if err != nil {
			continue
		}
		t := r.known[tid]
		if t.reads < minReads || (tid+r.round)%rereadEvery == 0 {
			name, err := readComm(dir, id)
			if errors.Is(proc.Gone(pid, err), proc.ErrGone) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if name != t.name {
				t.name, t.whole, t.tries = name, "", 0
			}
			t.reads++
		}
		t.round = r.round
		r.known[tid] = t
		r.list = append(r.list, Thread{tid, r.nameOf(t)})
	}
	maps.DeleteFunc(r.known, func(_ int, t knownThread) bool { return t.round != r.round })
	return r.list, nil
}

// Last returns the threads of the last Read; nil before the first.
func (r *Reader) Last() []Thread { return r.list }

func readComm(tasks *os.File, id string) (string, error) {
	fd, err := unix.Openat(int(tasks.Fd()), id+"/comm", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", os.NewSyscallError("openat", err)
	}
	defer unix.Close(fd)
	var buf [64]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil {
		return "", os.NewSyscallError("read", err)
	}
	return strings.TrimSuffix(string(buf[:n]), "\n"), nil
}

// OwnID returns a thread's ID in the PID namespace of its process; not ok if the thread
// ended.
func OwnID(procfs string, of proc.Status, t Thread) (id int, ok bool) {
	if of.NSPID == of.PID {
		return t.ID, true
	}
	file, err := proc.OpenShort(filepath.Join(procfs, strconv.Itoa(of.PID), "task", strconv.Itoa(t.ID), "status"))
	if err != nil {
		return 0, false
	}
	defer file.Close()
	s, err := proc.ParseStatus(file)
	return s.NSPID, err == nil
}
