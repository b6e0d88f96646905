package jvm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/region"
	"github.com/jvmem/jvmem/jvm/smaps"
	"github.com/jvmem/jvmem/jvm/vmstructs"
)

// Process is a JVM under observation. What does not change while it lives is
// read once and kept. It is for one goroutine at a time.
type Process struct {
	proc   string
	status proc.Status
	lib    *proc.Library // nil: the mappings may not be read

	client  *attach.Client
	target  attach.Target // of client
	perf    *os.File      // hsperfdata
	structs *vmstructs.Reader
	// structsErr is why structs is nil.
	structsErr error
	// What the last Ask learnt.
	asked     bool
	disabled  bool   // -XX:+DisableAttachMechanism
	major     int    // as Facts.Major, 0: unknown
	collector string // as Facts.Collector, "": unknown
	// nativeStack is the size of stacks whose creator names none, in bytes; 0 if
	// it cannot be read.
	nativeStack uint64

	reader   smaps.Reader
	mappings []smaps.Mapping

	answers answers // of the JVM, renewed by Ask
	// names are ranges by which the last Ask named anonymous memory.
	names   rangeNames
	unnamed unnamed
	// malloc is where the last Walk found glibc's, without [heap]; not all of it if
	// mallocErr is not nil.
	malloc    []region.Range
	mallocErr error
}

// Open starts to observe a process. ErrNotJVM and ErrGone tell why not.
func Open(procfs string, pid int) (*Process, error) {
	status, err := proc.ReadStatus(procfs, pid)
	if err != nil {
		return nil, err
	}
	if status.KernelThread || status.State == 'Z' {
		return nil, fmt.Errorf("process %d: %w", pid, ErrNotJVM)
	}
	lib, err := Identify(procfs, pid)
	if err != nil {
		return nil, err
	}
	return &Process{proc: procfs, status: status, lib: lib, nativeStack: nativeStack(procfs, pid), mallocErr: errNotWalked}, nil
}

// Close gives back what is held open. It does not touch the JVM.
func (p *Process) Close() error {
	var errs []error
	if p.structs != nil {
		errs = append(errs, p.structs.Close())
	}
	if p.perf != nil {
		errs = append(errs, p.perf.Close())
	}
	return errors.Join(errs...)
}

// Status returns the status of the process when it was last asked.
func (p *Process) Status() proc.Status { return p.status }

// Same reports whether the process is still the one that was opened: alive,
// started at the same time, and with the same libjvm.so (it may have called
// exec).
func (p *Process) Same() bool {
	status, err := proc.ReadStatus(p.proc, p.status.PID)
	if err != nil || status.StartTicks != p.status.StartTicks || status.State == 'Z' {
		return false
	}
	lib, err := Identify(p.proc, p.status.PID)
	if err != nil || (lib == nil) != (p.lib == nil) {
		return false
	}
	return lib == nil || *lib == *p.lib
}

// Ask asks the JVM what it can tell, by every way that is open. Sources that
// fail are recorded in the facts; only a process that is gone is an error.
func (p *Process) Ask(ctx context.Context) (*Facts, error) {
	if err := p.refresh(); err != nil {
		return nil, err
	}
	f := &Facts{
		PID: p.status.PID, NSPID: p.status.NSPID, StartTicks: p.status.StartTicks,
		UptimeSeconds: uptime(p.status), PageTablesBytes: p.status.PageTablesBytes,
	}
	f.Threads.Live = p.status.Threads

	p.readHsperf(f)
	snapshot := p.readStructs(f)
	p.asked, p.major = true, f.Major
	p.readAttach(ctx, f)
	p.collector = f.Collector
	p.names = nameRanges(p.answers, snapshot)
	if p.names.source == FromStructs {
		// An error leaves metaspace without a name.
		p.names.metadata, _ = p.structs.Metadata(maxClasses)
	}
	f.clean()
	return f, nil
}

// refresh reads the status anew. ErrGone if the process is.
func (p *Process) refresh() error {
	status, err := proc.ReadStatus(p.proc, p.status.PID)
	if err != nil {
		return err
	}
	if status.StartTicks != p.status.StartTicks {
		return fmt.Errorf("process %d: %w: its PID was given to another", status.PID, ErrGone)
	}
	p.status = status
	return nil
}

// uptime is the age of the process.
func uptime(s proc.Status) *float64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return nil
	}
	const ticksPerSecond = 100 // USER_HZ: the same on every architecture
	age := float64(now.Nano())/1e9 - float64(s.StartTicks)/ticksPerSecond
	if age < 0 {
		return nil
	}
	return &age
}

// Walk counts the resident pages by the names that the last Ask found, and the
// threads. again is true if memory came up since that only the JVM can name:
// Ask, then Walk again.
func (p *Process) Walk(f *Facts) (again bool, err error) {
	defer f.clean()
	dir := filepath.Join(p.proc, strconv.Itoa(p.status.PID))
	if err := p.readMappings(dir); err != nil {
		if err = proc.Gone(p.status.PID, err); errors.Is(err, ErrGone) {
			return false, err
		}
		f.failed(SourceSmaps, err, p.fix(err))
		return false, p.walkThreads(f, nil)
	}
	f.worked(SourceSmaps)

	tmpfs, err := readTmpfs(p.proc, p.status.PID)
	if err != nil {
		return false, proc.Gone(p.status.PID, err)
	}
	l := layout{tmpfs: tmpfs}
	pages, err := smaps.OpenPagemap(filepath.Join(dir, "pagemap"))
	switch {
	case errors.Is(proc.Gone(p.status.PID, err), ErrGone):
		return false, ErrGone
	case err != nil:
		f.failed(SourcePagemap, fmt.Errorf("mappings of several kinds are not split: %w", err), p.fix(err))
	default:
		defer pages.Close()
		l.pages = pages
		f.worked(SourcePagemap)
	}
	l.ranges = p.nameMappings(f, pages)
	l.place(p.mappings)
	if l.err != nil {
		f.failed(SourcePagemap, l.err, "")
	}
	f.Resident, f.SwapBytes = l.resident, l.swap
	p.readHeapFile(f, dir)
	// The mappings of a process that dies end at any of them.
	if status, err := proc.ReadStatus(p.proc, p.status.PID); err != nil || status.KernelThread {
		return false, fmt.Errorf("process %d: %w", p.status.PID, ErrGone)
	}

	again = p.unnamed.grew(l.resident[region.Unknown].AnonBytes)
	if again {
		p.answers.nodes, p.answers.virtual = nil, nil
	}
	return again, p.walkThreads(f, l.stacks)
}

// unnamed watches the anonymous memory that no range covers, in bytes. When it
// grows, the JVM has mapped something new.
type unnamed struct {
	known int64 // so much has no name, whomever is asked
	last  int64 // of the last walk
	asked bool  // because of what the last walk found
	seen  bool
}

// grew reports whether to ask the JVM again. What came since it was asked may be
// in now: only what asking left as it was has no name.
func (u *unnamed) grew(now int64) (ask bool) {
	settled := u.asked && max(now-u.last, u.last-now) <= sameBytes
	if !u.seen || now < u.known || settled {
		u.known = now
	}
	u.seen, u.last = true, now
	u.asked = now > u.known+staleBytes
	return u.asked
}

// maxClasses bounds the classes by which metaspace is found: 1 µs each.
const maxClasses = 20_000

const (
	// staleBytes is how much unnamed memory makes the JVM be asked again.
	staleBytes = 1 << 20
	// sameBytes is how far it may move by itself between two walks. The smallest
	// thing that asking names is larger.
	sameBytes = 256 << 10
)

func (p *Process) readMappings(dir string) error {
	file, err := os.Open(filepath.Join(dir, "smaps"))
	if err != nil {
		return err
	}
	defer file.Close()
	p.mappings = p.mappings[:0]
	if err := p.reader.Read(file, func(m *smaps.Mapping) { p.mappings = append(p.mappings, *m) }); err != nil {
		return err
	}
	if len(p.mappings) == 0 { // the process has no memory any more
		return ErrGone
	}
	return nil
}

func (p *Process) walkThreads(f *Facts, stacks map[int]int64) error {
	threads, err := readThreads(p.proc, p.status.PID)
	if err != nil {
		return err
	}
	f.Threads.Live = len(threads)
	f.Threads.Pools = pools(threads, p.hostThreads(threads, stacks))
	return nil
}

// fix says which user may read this JVM, if that is what err is about.
func (p *Process) fix(err error) string {
	if !errors.Is(err, os.ErrPermission) {
		return ""
	}
	return fmt.Sprintf("run jvmem with the JVM's own user and group (runAsUser: %d, runAsGroup: %d)", p.status.UID, p.status.GID)
}

// worked and failed record a source.
func (f *Facts) worked(source string) {
	f.Sources = append(f.Sources, Source{Name: source, PID: f.PID, OK: true})
}

func (f *Facts) failed(source string, err error, fix string) {
	s := Source{Name: source, PID: f.PID, Reason: err.Error(), Fix: fix}
	var attachErr *attach.Error
	if errors.As(err, &attachErr) {
		s.Reason, s.Fix = attachErr.Reason, attachErr.Fix
	}
	f.Sources = append(f.Sources, s)
}
