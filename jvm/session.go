package jvm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cyphar/filepath-securejoin/pathrs-lite"

	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/threads"
)

// Session sends commands of the fixed list to one JVM.
type Session struct {
	// Collector is as Facts.Collector, "": unknown.
	Collector string
	// Major is the feature version of the JDK, 0: unknown.
	Major int

	client *attach.Client
	target attach.Target // of client
}

// ErrNotQueried is the error of a session with a JVM that was never queried: it may have
// attach disabled, and would print a thread dump.
const ErrNotQueried attach.Kind = "the JVM was not queried yet"

// Session returns the session of the last Query. Its error is ErrGone, or an
// *attach.Error with the reason why no commands can be sent to the JVM.
func (p *Process) Session() (*Session, error) {
	if err := p.refresh(); err != nil {
		return nil, err
	}
	if p.queried.session == nil {
		return nil, p.Refuse(ErrNotQueried, "the options of the JVM are not known yet", "wait for the first sample")
	}
	return p.queried.session, p.refuseStopped()
}

// Send sends commands. The text is what was read of the reply, also if err is not nil.
// Errors are *attach.Error; one of a JVM that ended is ErrGone too.
func (s *Session) Send(ctx context.Context, commands ...attach.Command) (text string, err error) {
	reply, err := s.client.Do(ctx, commands...)
	if errors.Is(err, attach.ErrGone) {
		err = fmt.Errorf("%w: %w", ErrGone, err)
	}
	return reply.Text, err
}

// Refuse returns the error for a command that is not sent.
func (p *Process) Refuse(kind attach.Kind, reason, fix string) error {
	return &attach.Error{Op: "check", PID: p.status.PID, Kind: kind, Reason: reason, Fix: fix}
}

func (p *Process) refuseStopped() error {
	if p.status.State == 'T' || p.status.State == 't' {
		return p.Refuse(attach.ErrStopped, "the JVM is stopped, by SIGSTOP or by a debugger", "resume it (kill -CONT), or detach the debugger")
	}
	return nil
}

// openSession keeps the client as long as the properties of the JVM that it depends on are
// unchanged: the flags of a starting JVM are unknown.
func (p *Process) openSession(a *Answers) *Session {
	target := attach.Target{
		PID: p.status.PID, NSPID: p.status.NSPID, Proc: p.proc, StartTime: p.status.StartTicks,
		AttachDisabled: p.queried.disabled, MajorVersion: a.Facts.Major,
	}
	if s := p.queried.session; s != nil {
		if s.target == target {
			return s
		}
		_ = s.client.Close() // nothing was written
	}
	return &Session{Major: a.Facts.Major, client: attach.New(target, attach.Options{}), target: target}
}

// ReadThreads reads the threads as they are now, with the names that Facts.Threads has.
// Valid until the next Query. ErrGone: the process ended.
func (p *Process) ReadThreads() ([]threads.Thread, error) {
	_, err := p.threads.Read(p.proc, p.status.PID)
	if err == nil {
		p.nameThreads(false)
	}
	return p.threads.Last(), err
}

// OwnThreadID returns a thread's ID in the JVM's own PID namespace; not ok if it ended.
func (p *Process) OwnThreadID(t threads.Thread) (id int, ok bool) {
	return threads.OwnID(p.proc, p.status, t)
}

// Malloc returns glibc's memory without [heap], as the last Resident found it. The error
// is the reason why it is unknown or, if it is ranges.ErrBounded, incomplete.
func (p *Process) Malloc() ([]ranges.Range, error) { return p.counted.malloc, p.counted.mallocErr }

// OpenTmp opens the JVM's /tmp, resolved within its root.
func (p *Process) OpenTmp() (*os.File, error) {
	dir, err := pathrs.OpenInRoot(filepath.Join(p.Dir(), "root"), "/tmp")
	return dir, proc.Gone(p.status.PID, err)
}

// OpenMemory opens the JVM's memory, by address.
func (p *Process) OpenMemory() (*os.File, error) { return proc.Open(filepath.Join(p.Dir(), "mem")) }
