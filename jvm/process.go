package jvm

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/hsperf"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/threads"
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
	perf    *hsperf.File
	structs *vmstructs.Reader
	// structsErr is why structs is nil.
	structsErr error
	asks       int
	fresh      bool // status was read for the next Ask
	// What the last Ask learnt.
	flags       map[string]any
	started     *int64 // threads, since the JVM started
	sameThreads bool   // none started since the Ask before the last Walk
	collections *int64 // since the JVM started
	disabled    bool   // -XX:+DisableAttachMechanism
	major       int    // as Facts.Major, 0: unknown
	collector   string // as Facts.Collector, "": unknown
	// nativeStack is the size of stacks whose creator names none, in bytes; 0 if
	// it cannot be read.
	nativeStack uint64

	reader   pages.Reader
	mappings []pages.Mapping
	scan     pages.Scan
	tmpfs    map[uint64]bool // devices
	noScan   bool            // the kernel has none
	threads  threads.Reader

	info     info
	oneByOne bool // it lacks one of the commands that are sent together

	answers answers // of the JVM, renewed by Ask
	// names are ranges by which the last Walk named anonymous memory.
	names   rangeNames
	unnamed unnamed
	counted counted // by the last Walk
	// malloc is where the last Walk found glibc's, without [heap]; not all of it if
	// mallocErr is not nil.
	malloc    []ranges.Range
	mallocErr error
	arenas    mallocSearch
	chunks    mallocSearch
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
	return &Process{proc: procfs, status: status, lib: lib, nativeStack: proc.StackBytes(procfs, pid), mallocErr: errNotWalked}, nil
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

// Same reports whether the process is still the one that was opened: alive, started
// at the same time, and with the same program: with other memory (exec), or, where
// that may not be seen, none of HotSpot's threads.
func (p *Process) Same() bool {
	if p.refresh() != nil || p.status.State == 'Z' {
		return false
	}
	p.fresh = true
	if p.lib != nil {
		return true
	}
	lib, err := Identify(p.proc, p.status.PID)
	return err == nil && lib == nil
}

// Ask asks the JVM what it can tell, by every way that is open. Sources that
// fail are recorded in the facts; only a process that is gone is an error. What
// Same has just read of the process it takes from there.
func (p *Process) Ask(ctx context.Context) (*Facts, error) {
	if !p.fresh {
		if err := p.refresh(); err != nil {
			return nil, err
		}
	}
	p.fresh = false
	f := &Facts{
		PID: p.status.PID, NSPID: p.status.NSPID, StartTicks: p.status.StartTicks,
		UptimeSeconds: proc.Uptime(p.status.StartTicks), PageTablesBytes: p.status.PageTablesBytes,
	}
	f.Threads.Live = p.status.Threads

	p.readHsperf(f)
	p.openStructs(f)
	p.major = f.Major
	p.asks++
	p.readAttach(ctx, f)
	p.collector = f.Collector
	f.clean()
	return f, nil
}

const (
	// renewEvery is in how many samples what changes seldom is read anew.
	renewEvery = 6
	// youngSeconds is the age up to which a JVM may not have all of it yet.
	youngSeconds = 30
)

func (p *Process) renew() bool {
	return p.asks < 2 || p.asks%renewEvery == 0 || p.young()
}

func (p *Process) young() bool {
	age := proc.Uptime(p.status.StartTicks)
	return age == nil || *age < youngSeconds
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
	if status.StackStart != p.status.StackStart {
		return fmt.Errorf("process %d: %w: it runs another program", status.PID, ErrGone)
	}
	p.status = status
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
