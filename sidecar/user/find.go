package user

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/proc"
)

const (
	// maxStatusBytes is above a status with the most supplementary groups.
	maxStatusBytes = 1 << 20
	// maxUsers bounds the threads of one Find. A pod has a user for each container.
	maxUsers = 64
)

// JVM is a JVM and the user that it runs as.
type JVM struct {
	PID      int
	UID, GID int

	start        uint64 // in clock ticks since boot
	capabilities capabilities
}

// User returns UID and GID as text.
func (j JVM) User() string { return fmt.Sprintf("%d:%d", j.UID, j.GID) }

// Same reports whether o is the same process.
func (j JVM) Same(o JVM) bool { return j.PID == o.PID && j.start == o.start }

// Found is the result of Find.
type Found struct {
	// JVMs have mapped HotSpot's library, in the order of their start.
	JVMs []JVM
	// Locked have threads of HotSpot, but their mappings are closed to their own user:
	// they have capabilities that jvmem lacks, or their program file has.
	Locked []JVM

	failed []error // users whose credentials could not be taken over
}

// ErrNone means that no process is known to be a JVM whose user can be taken over.
var ErrNone = errors.New("no HotSpot JVM in this PID namespace")

// Why returns why there is no JVM to choose.
func (f *Found) Why() error {
	err := ErrNone
	for _, j := range f.Locked {
		err = fmt.Errorf("%w; process %d (user %s) has threads of HotSpot, but its mappings are closed to its own user: has its program file capabilities?", err, j.PID, j.User())
	}
	return errors.Join(append([]error{err}, f.failed...)...)
}

// Choose returns the JVM whose user is to be taken over: the one that started first. A process
// of root that could not be verified is the last choice, as no other choice of jvmem can
// read it. before is an earlier result in which the JVM must be too; nil: it need not.
func (f *Found) Choose(before *Found) (JVM, bool) {
	for _, j := range f.JVMs {
		if before == nil || slices.ContainsFunc(before.JVMs, j.Same) {
			return j, true
		}
	}
	for _, j := range f.Locked {
		if len(f.JVMs) == 0 && j.UID == 0 && (before == nil || slices.ContainsFunc(before.Locked, j.Same)) {
			return j, true
		}
	}
	return JVM{}, false
}

// Others returns the JVMs of other users than j.
func (f *Found) Others(j JVM) []JVM {
	return slices.DeleteFunc(slices.Clone(f.JVMs), func(o JVM) bool { return o.UID == j.UID && o.GID == j.GID })
}

// Find looks for the JVMs of a PID namespace; pid: only for this one, 0: for all.
func Find(procfs string, pid int) (Found, error) {
	pids := []int{pid}
	if pid == 0 {
		var err error
		if pids, err = proc.PIDs(procfs); err != nil {
			return Found{}, err
		}
	}
	mine, err := own()
	if err != nil {
		return Found{}, err
	}
	type user struct{ uid, gid int }
	processes := make(map[user][]JVM)
	for _, pid := range pids {
		p, ok := readUser(procfs, pid)
		u := user{p.UID, p.GID}
		if ok && pid != os.Getpid() && (processes[u] != nil || len(processes) < maxUsers) {
			processes[u] = append(processes[u], p)
		}
	}
	var found Found
	for u, all := range processes {
		if err := as(u.uid, u.gid, func() { found.probe(procfs, all, mine) }); err != nil {
			found.failed = append(found.failed, fmt.Errorf("run as user %d:%d: %w", u.uid, u.gid, err))
		}
	}
	for _, all := range [][]JVM{found.JVMs, found.Locked} {
		slices.SortFunc(all, func(a, b JVM) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.PID, b.PID)) })
	}
	return found, nil
}

// readUser reads the user of a process, from its status only. false: it ended, or it is no
// process with a program.
func readUser(procfs string, pid int) (JVM, bool) {
	file, err := os.Open(filepath.Join(procfs, strconv.Itoa(pid), "status"))
	if err != nil {
		return JVM{}, false
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxStatusBytes))
	if err != nil {
		return JVM{}, false
	}
	status, err := proc.ParseStatus(bytes.NewReader(text))
	caps, capsErr := permitted(text)
	if err != nil || capsErr != nil || status.KernelThread || status.State == 'Z' {
		return JVM{}, false
	}
	return JVM{PID: pid, UID: status.UID, GID: status.GID, capabilities: caps}, true
}

// probe adds the JVMs among processes of one user. It runs with the credentials of that
// user; mine is what jvmem may keep beside a JVM of root.
func (f *Found) probe(procfs string, processes []JVM, mine capabilities) {
	for _, j := range processes {
		p, err := jvm.Open(procfs, j.PID)
		if err != nil {
			continue // no JVM, or it ended, or it is another user's by now
		}
		status := p.Status()
		j.start = status.StartTicks
		open := p.Mapped() && (j.UID != 0 || j.capabilities&^mine == 0) // SYS_PTRACE opens more, but is not kept
		switch same := status.UID == j.UID && status.GID == j.GID; {
		case same && open:
			f.JVMs = append(f.JVMs, j)
		case same:
			f.Locked = append(f.Locked, j)
		}
		_ = p.Close() // nothing was written
	}
}
