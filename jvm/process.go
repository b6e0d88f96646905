package jvm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jvmem/jvmem/jvm/hsperf"
	"github.com/jvmem/jvmem/jvm/malloc"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/resident"
	"github.com/jvmem/jvmem/jvm/threads"
	"github.com/jvmem/jvmem/jvm/vmstructs"
)

var (
	// ErrNotJVM means that a process is not a HotSpot JVM.
	ErrNotJVM = proc.ErrNotHotSpot
	// ErrGone means that the process ended (or never existed).
	ErrGone = proc.ErrGone
)

// Process is a JVM under observation. It keeps descriptors open, and values that do not
// change while the JVM runs. Not safe for concurrent use.
type Process struct {
	proc   string
	policy resident.Policy

	status     proc.Status
	fresh      bool          // Same has just read status, for the next Query
	lib        *proc.Library // nil: no permission to read the mappings
	stackBytes uint64        // as proc.StackBytes
	cpuRead    bool          // by the last cpuSeconds

	// Opened by the first Query that can, and kept.
	counters   *hsperf.Reader
	structs    *vmstructs.Reader
	structsErr error // why structs is nil

	queried queried // written by Query only
	counted counted // written by Resident only
	walked  walked  // written by WalkBlocks only

	// Buffers and caches of Resident.
	memory         resident.Memory
	arenaScan      pages.Scan
	mounts         *proc.Mounts // nil: not read yet
	arenas, chunks malloc.Cache
	metadata       vmstructs.MetadataCache
	threads        threads.Reader
	javaThreads    []vmstructs.Thread // of the last Resident
	idle           threads.Idleness
	collecting     threads.Collecting
}

// OpenError is the error of Open for a process that may be a JVM, but could not be
// examined.
type OpenError struct {
	PID int
	// Reason and Fix are for users: what failed, and what to do about it.
	Reason, Fix string
	Err         error
}

// Error returns the reason with the PID.
func (e *OpenError) Error() string { return fmt.Sprintf("process %d: %s", e.PID, e.Reason) }

// Unwrap returns the cause.
func (e *OpenError) Unwrap() error { return e.Err }

// openError returns the expected errors unchanged, and others with a fix.
func openError(pid int, err error) error {
	if errors.Is(err, ErrNotJVM) || errors.Is(err, ErrGone) {
		return err
	}
	return &OpenError{PID: pid, Reason: "it could not be examined: " + err.Error(), Fix: FixFor(err), Err: err}
}

// NoDescriptor reports whether an error means that no more files can be opened.
func NoDescriptor(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// FixFor returns the fix for an error that occurred while a process was read.
func FixFor(err error) string {
	switch {
	case NoDescriptor(err):
		return "raise the limit of open files for jvmem (ulimit -n), or of the node (fs.file-max)"
	case errors.Is(err, os.ErrPermission):
		return "if the process is a JVM, run jvmem with its user and group, and mount /proc without hidepid"
	case errors.Is(err, syscall.ENOMEM):
		return "raise the memory limit of the jvmem container"
	}
	return "report it, with the version of the kernel"
}

// Open starts to observe a process. Its errors are ErrNotJVM, ErrGone, and *OpenError.
func Open(procfs string, pid int) (*Process, error) {
	status, err := proc.ReadStatus(procfs, pid)
	if err != nil {
		return nil, openError(pid, err)
	}
	if status.KernelThread || status.State == 'Z' {
		return nil, fmt.Errorf("process %d: %w", pid, ErrNotJVM)
	}
	lib, err := identify(procfs, pid)
	if err != nil {
		return nil, openError(pid, err)
	}
	return &Process{
		proc: procfs, status: status, lib: lib, stackBytes: proc.StackBytes(procfs, pid),
		counted: counted{mallocErr: errNotCounted},
		arenas:  malloc.NewCache(malloc.Arenas), chunks: malloc.NewCache(new(malloc.Finder).Find),
	}, nil
}

// identify returns the libjvm.so that a process has mapped, whatever its launcher.
// Where its mappings may not be read, a JVM is recognized by HotSpot's own threads, and
// the library is nil.
func identify(procfs string, pid int) (*proc.Library, error) {
	f, err := proc.Open(filepath.Join(procfs, strconv.Itoa(pid), "maps"))
	if err == nil {
		defer f.Close()
		lib, err := proc.FindLibrary(f)
		if err != nil {
			return nil, fmt.Errorf("process %d: %w", pid, proc.Gone(pid, err))
		}
		return lib, nil
	}
	if !errors.Is(err, os.ErrPermission) {
		return nil, proc.Gone(pid, err)
	}
	list, err := threads.Read(procfs, pid)
	if err != nil {
		return nil, err
	}
	for _, t := range list {
		if t.Name == "VM Thread" { // vmThread.cpp; short enough for every JDK and kernel
			return nil, nil
		}
	}
	return nil, fmt.Errorf("process %d: %w", pid, ErrNotJVM)
}

// Close closes all descriptors. It does not affect the JVM.
func (p *Process) Close() error {
	var errs []error
	if p.structs != nil {
		errs = append(errs, p.structs.Close())
	}
	if p.counters != nil {
		errs = append(errs, p.counters.Close())
	}
	if p.queried.session != nil {
		errs = append(errs, p.queried.session.client.Close())
	}
	return errors.Join(errs...)
}

// Status returns the status of the process as it was last read.
func (p *Process) Status() proc.Status { return p.status }

// Mapped reports whether the process has mapped HotSpot's library. Otherwise its mappings
// could not be read, and it was recognized by the names of its threads: any process can
// choose these.
func (p *Process) Mapped() bool { return p.lib != nil }

// Same reports whether the process is still the one that was opened: alive, with the
// same start time, and with the same program: exec changes the start of the stack, or,
// where that may not be read, ends HotSpot's threads.
func (p *Process) Same() bool {
	if p.refresh() != nil || p.status.State == 'Z' {
		return false
	}
	p.fresh = true
	if p.lib != nil {
		return true
	}
	lib, err := identify(p.proc, p.status.PID)
	return err == nil && lib == nil
}

// refresh reads the status again.
func (p *Process) refresh() error {
	status, err := proc.ReadStatus(p.proc, p.status.PID)
	if err != nil {
		return err
	}
	if status.StartTicks != p.status.StartTicks {
		return fmt.Errorf("process %d: %w: its PID was given to another process", status.PID, ErrGone)
	}
	if status.StackStart != p.status.StackStart {
		return fmt.Errorf("process %d: %w: it runs another program", status.PID, ErrGone)
	}
	p.status = status
	return nil
}

// Mounts returns the mounts of the process, which change rarely, as they were last read.
// ErrGone: the process ended.
func (p *Process) Mounts() (proc.Mounts, error) {
	if p.mounts == nil {
		if err := p.readMounts(); err != nil {
			return proc.Mounts{}, err
		}
	}
	return *p.mounts, nil
}

func (p *Process) readMounts() error {
	mounts, err := proc.ReadMounts(p.proc, p.status.PID)
	if err != nil {
		return err
	}
	p.mounts = &mounts
	return nil
}

// manyThreads: above so many the CPU time takes longer than much else of a sample, and is
// left out every other time. Nothing needs it in each sample.
const manyThreads = 1000

// cpuTime returns the CPU time of all threads, and whether it is known. read is whether the
// last call for the same reader read it: samples and light readings take turns, so one of them
// would never read it otherwise.
func (p *Process) cpuTime(read *bool) (spent time.Duration, ok bool) {
	if *read = p.status.Threads <= manyThreads || !*read; !*read {
		return 0, false
	}
	return proc.CPUTime(p.status.PID)
}

// cpuSeconds is cpuTime in seconds; nil: unknown.
func (p *Process) cpuSeconds() *float64 {
	spent, ok := p.cpuTime(&p.cpuRead)
	if !ok {
		return nil
	}
	return new(spent.Seconds())
}

// Dir is the process' folder in proc.
func (p *Process) Dir() string { return filepath.Join(p.proc, strconv.Itoa(p.status.PID)) }

// permissionFix names what may read this JVM, if err is about permission: its own user, with
// all of its capabilities.
func (p *Process) permissionFix(err error) string {
	if !errors.Is(err, os.ErrPermission) {
		return ""
	}
	if p.status.UID == os.Geteuid() && p.status.GID == os.Getegid() {
		return fmt.Sprintf("jvmem has the JVM's user (runAsUser: %d, runAsGroup: %d), but not all of its capabilities: remove capabilities from the securityContext of the jvmem container, or set capabilities: {drop: [ALL]} in that of the JVM's container", p.status.UID, p.status.GID)
	}
	return fmt.Sprintf("run jvmem with the JVM's own user and group (runAsUser: %d, runAsGroup: %d), or start it as root with --user=jvm", p.status.UID, p.status.GID)
}
