package jvm

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/proc"
)

// Pool is the threads whose names differ only in their numbers.
type Pool struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	// StackBytes is what is resident of the stacks of its Java threads; nil if
	// not known.
	StackBytes *int64 `json:"stack_bytes"`
}

// commLength is the longest name the kernel keeps (TASK_COMM_LEN - 1).
const commLength = 15

type thread struct {
	id   int // in the reader's PID namespace
	name string
}

// readThreads reads the names of all threads (task/*/comm): no permission
// needed and no pause of the process. Threads that end meanwhile are left out.
func readThreads(procfs string, pid int) ([]thread, error) {
	return new(threadNames).read(procfs, pid)
}

// youngReadings is how often a name is read before it is taken for the thread's own:
// it starts with its creator's.
const youngReadings = 2

// threadNames reads the threads of one process, over and over: opening a file for
// each thread each time would cost more than all else.
type threadNames struct {
	round int
	known map[int]knownThread // by ID
	list  []thread
}

type knownThread struct {
	name     string
	readings int
	round    int // when it was last seen
}

// read returns the threads, until the next read.
func (n *threadNames) read(procfs string, pid int) ([]thread, error) {
	d, err := os.Open(filepath.Join(procfs, strconv.Itoa(pid), "task"))
	if err != nil {
		return nil, proc.Gone(pid, err)
	}
	defer d.Close()
	ids, err := d.Readdirnames(-1)
	if err != nil {
		return nil, proc.Gone(pid, err)
	}
	if n.known == nil {
		n.known = make(map[int]knownThread, len(ids))
	}
	n.round++
	n.list = n.list[:0]
	for _, id := range ids {
		tid, err := strconv.Atoi(id)
		if err != nil {
			continue
		}
		t := n.known[tid]
		if t.readings < youngReadings || (tid+n.round)%renewEvery == 0 { // it may change
			name, err := readComm(d, id)
			if errors.Is(proc.Gone(pid, err), ErrGone) {
				continue
			}
			if err != nil {
				return nil, err
			}
			t.name = name
			t.readings++
		}
		t.round = n.round
		n.known[tid] = t
		n.list = append(n.list, thread{tid, t.name})
	}
	maps.DeleteFunc(n.known, func(_ int, t knownThread) bool { return t.round != n.round })
	return n.list, nil
}

// readComm reads the name of a thread. The kernel keeps 15 bytes of it.
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

// pools makes pools of the threads, the largest first. stacks gives the resident
// stack of a thread, if known.
func pools(threads []thread, stacks map[int]int64) []Pool {
	groups := groupThreads(threads)
	out := make([]Pool, 0, len(groups))
	for name, members := range groups {
		p := Pool{Name: Printable(name, maxTextBytes), Count: len(members)}
		for _, t := range members {
			if stack, known := stacks[t.id]; known {
				if p.StackBytes == nil {
					p.StackBytes = new(int64)
				}
				*p.StackBytes += stack
			}
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Pool) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// groupThreads returns the threads of each pool by its name.
func groupThreads(threads []thread) map[string][]thread {
	groups := make(map[string][]thread)
	for _, t := range threads {
		name := foldName(t.name)
		groups[name] = append(groups[name], t)
	}
	joinAbbreviated(groups)
	return groups
}

// foldName replaces the numbers that count threads or pools by "#": one at the
// end, or one of fewer than four digits behind a separator. Others tell pools
// apart (C1 and C2, http-nio-8080-exec-3). Where the kernel cut the name before
// or within a number the result is the same.
func foldName(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); {
		end := i
		for end < len(name) && name[end] >= '0' && name[end] <= '9' {
			end++
		}
		counts := end == len(name) || (end-i < 4 && i > 0 && strings.IndexByte("-# _.", name[i-1]) >= 0)
		switch {
		case end == i:
			b.WriteByte(name[i])
			end++
		case counts:
			b.WriteByte('#')
		default:
			b.WriteString(name[i:end])
		}
		i = end
	}
	folded := b.String()
	if strings.HasSuffix(folded, "#") {
		return strings.TrimRight(folded, "#") + "#" // "GC Thread#0" has one of its own
	}
	if len(name) == commLength && strings.HasSuffix(folded, "-") {
		return strings.TrimSuffix(strings.TrimSuffix(folded, "-"), "-#") + "-#"
	}
	return folded
}

// joinAbbreviated joins names that JDK 26 and later abbreviate in the middle
// ("pool-1-..ead-12" is "pool-1-thread-12"): how much of the end is kept depends
// on the digits of the number, so one pool gets several names.
func joinAbbreviated(groups map[string][]thread) {
	names := slices.Collect(maps.Keys(groups))
	// Longest last: "pool-#-..read-#" before "pool-#-..ead-#".
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	for i, short := range names {
		for _, long := range names[:i] {
			if groups[long] != nil && abbreviates(short, long) {
				groups[long] = append(groups[long], groups[short]...)
				delete(groups, short)
				break
			}
		}
	}
}

// abbreviates reports whether short may be the other name without its middle.
func abbreviates(short, long string) bool {
	head, tail, abbreviated := strings.Cut(short, "..")
	return abbreviated && strings.HasSuffix(tail, "#") && strings.HasPrefix(long, head) && strings.HasSuffix(long, tail)
}
