package attach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/proc"
)

// Target names the JVM.
type Target struct {
	PID   int    // in the reader's PID namespace
	NSPID int    // in the JVM's own PID namespace; 0: the last of NSpid in /proc/<pid>/status
	Proc  string // the proc file system; "": "/proc"
	// StartTime is field 22 of /proc/<pid>/stat in clock ticks since boot, which
	// distinguishes a process from a later one with the same PID; 0: read at the first Do.
	StartTime uint64
	// AttachDisabled: the JVM is known to run with +DisableAttachMechanism.
	// Such a JVM is never signalled: it would print a thread dump.
	AttachDisabled bool
	MajorVersion   int // of the JDK, 0: unknown; from 25 on see request
}

// Options bound how long a Client waits and how much it reads. Zero values mean the
// defaults.
type Options struct {
	Timeout       time.Duration // for one request and its reply; default 5 s
	AttachTimeout time.Duration // for one handshake; default 6 s
	// SlowTimeout is Timeout for a request with ClassHistogram, which the JVM finishes even
	// if the client disconnects, or with a recording: default 30 s.
	SlowTimeout   time.Duration
	MaxReplyBytes int64 // of a reply's text; default 8 MiB
}

// A JVM before JDK 11 accepts only its own user, not even root (JDK-8197387).
const firstMajorForRoot = 11

// Client sends commands to one JVM. It keeps no connection: each Do opens one. It keeps the
// descriptor of the JVM's socket until Close. Not safe for concurrent use.
type Client struct {
	target  Target
	options Options

	now       func() time.Time
	openPidfd func(pid int) (int, error)
	signal    func(pidfd, pid int) error // pidfd is -1 where the kernel has none
	euid      int
	egid      int

	version1  bool          // the JVM refused version 2 of the protocol
	buffer    bytes.Buffer  // of the last reply
	socket    *os.File      // O_PATH, the last one that was connected to; nil: none
	answered  *proc.Status  // of the process when it last replied; nil: it did not
	notBefore time.Time     // no SIGQUIT before this
	backOff   time.Duration // after the last failed handshake
	unheard   time.Time     // since then a trigger waits for the JVM to handle SIGQUIT; zero: none does
}

// New returns a client. It opens nothing.
func New(t Target, o Options) *Client {
	if t.Proc == "" {
		t.Proc = "/proc"
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.AttachTimeout <= 0 {
		o.AttachTimeout = 6 * time.Second
	}
	if o.SlowTimeout <= 0 {
		o.SlowTimeout = 30 * time.Second
	}
	if o.MaxReplyBytes <= 0 {
		o.MaxReplyBytes = 8 << 20
	}
	return &Client{
		target: t, options: o, now: time.Now, signal: sendQuit, euid: os.Geteuid(), egid: os.Getegid(),
		openPidfd: func(pid int) (int, error) { return unix.PidfdOpen(pid, 0) },
	}
}

// Do sends the commands in one request and returns the whole reply. Several commands
// run one after the other, and their output follows each other in Reply.Text; the
// first rejected one ends the request with a code that is not 0. (One command per
// request costs 0.1 ms more and needs no splitting.)
//
// If the JVM has no socket, Do first makes it open one, at most once per call. The
// error is always an *Error; the Reply beside it has what was read.
func (c *Client) Do(ctx context.Context, commands ...Command) (Reply, error) {
	reply, err := c.do(ctx, commands)
	if reply.Code == badVersion && !c.version1 { // it runs with -Djdk.attach.compat=true
		c.version1 = true
		reply, err = c.do(ctx, commands)
	}
	if err != nil {
		c.answered = nil
		_ = c.Close() // nothing was written
	}
	return reply, err
}

// Close closes the descriptor. The client can still be used.
func (c *Client) Close() error {
	socket := c.socket
	c.socket = nil
	if socket == nil {
		return nil
	}
	return socket.Close()
}

func (c *Client) do(ctx context.Context, commands []Command) (Reply, error) {
	major := c.target.MajorVersion
	if c.version1 {
		major = 0
	}
	message, err := request(commands, major)
	if err != nil {
		return Reply{}, c.fail(&Error{Op: "command", Kind: ErrRequest, Reason: "the request is not valid and was not sent", Err: err})
	}
	p, err := c.check()
	if err != nil {
		return Reply{}, err
	}
	if c.answered == nil {
		c.release(ctx, p)
	}
	conn, err := c.connect(ctx, p)
	if err != nil {
		return Reply{}, err
	}
	defer conn.Close()

	timeout := c.limit(commands)
	conn.until = time.Now().Add(timeout) // the listener serves one client at a time: a slow one blocks all others
	stop := context.AfterFunc(ctx, conn.cancel)
	defer stop()
	if ctx.Err() != nil {
		return Reply{}, c.commandError(ctx, timeout, ctx.Err())
	}
	if _, err := conn.Write(message); err != nil && !errors.Is(err, unix.EPIPE) {
		return Reply{}, c.commandError(ctx, timeout, err)
	}
	var from io.Reader = conn
	if slices.Contains(commands, Command(VMInfo)) {
		from = newWithoutMappings(conn)
	}
	reply, err := readReply(from, c.options.MaxReplyBytes, &c.buffer)
	if c.buffer.Cap() > maxKeptBytes {
		c.buffer = bytes.Buffer{}
	}
	if err != nil {
		return reply, c.commandError(ctx, timeout, err)
	}
	// A reply ends with the stream, and the stream ends when the JVM dies.
	if err := c.identify(); err != nil {
		reply.Truncated = true
		return reply, err
	}
	c.answered = &p
	if reply.Code != 0 {
		return reply, c.fail(&Error{Op: "command", Kind: ErrCommand,
			Reason: fmt.Sprintf("the JVM rejected the command with code %d: %s", reply.Code, lastLine(reply.Text))})
	}
	return reply, nil
}

// limit is the longest limit of the commands.
func (c *Client) limit(commands []Command) (longest time.Duration) {
	for _, command := range commands {
		longest = max(longest, command.limit(c.options))
	}
	return longest
}

// check verifies that the process exists and accepts commands of our user.
func (c *Client) check() (proc.Status, error) {
	if c.answered != nil { // that it is still the same process is checked after the reply
		return *c.answered, nil
	}
	if err := c.identify(); err != nil {
		return proc.Status{}, err
	}
	p, err := c.status()
	if err != nil {
		return p, err
	}
	own, err := proc.OwnNamespace(c.target.Proc)
	if err != nil {
		return p, c.fail(&Error{Op: "check", Path: c.target.Proc, Kind: ErrSystem, Reason: fmt.Sprintf("the PID namespace of %s is not known: %v", c.target.Proc, cause(err)), Err: err})
	}
	if !own { // PIDs of system calls are not those of its processes
		return p, c.fail(&Error{Op: "check", Path: c.target.Proc, Kind: ErrSystem,
			Reason: c.target.Proc + " belongs to another PID namespace, so it is not known which process a signal would reach",
			Fix:    "run jvmem in that PID namespace, or pass the proc file system of its own with --proc"})
	}
	if c.target.NSPID == 0 {
		c.target.NSPID = p.NSPID
	}
	if c.target.NSPID == 0 {
		c.target.NSPID = c.target.PID
	}
	same := c.euid == p.UID && c.egid == p.GID
	old := c.target.MajorVersion > 0 && c.target.MajorVersion < firstMajorForRoot
	if same || c.euid == 0 && !old {
		return p, nil
	}
	reason := fmt.Sprintf("jvmem runs as UID %d GID %d, the JVM as UID %d GID %d", c.euid, c.egid, p.UID, p.GID)
	if c.euid == 0 {
		reason += fmt.Sprintf("; JDK %d refuses root", c.target.MajorVersion)
	}
	return p, c.fail(&Error{Op: "check", Kind: ErrPermission, Reason: reason, Fix: runAs(p)})
}

// runAs is the fix wherever the users differ.
func runAs(p proc.Status) string {
	return fmt.Sprintf("set runAsUser: %d and runAsGroup: %d for jvmem's container, or start it as root with --user=jvm", p.UID, p.GID)
}

// commandError explains why a request got no complete reply.
func (c *Client) commandError(ctx context.Context, timeout time.Duration, err error) error {
	if gone := c.identify(); errors.Is(gone, ErrGone) {
		return gone
	}
	e := &Error{Op: "command", Path: c.socketName(), Kind: ErrSystem, Reason: "the connection to the JVM failed", Err: err}
	switch {
	case ctx.Err() != nil:
		return c.canceled(ctx, "command")
	case errors.Is(err, os.ErrDeadlineExceeded):
		e.Kind = ErrTimeout
		e.Reason, e.Fix = c.silence(fmt.Sprintf("no complete reply within %v", timeout))
	case errors.Is(err, errNoReply):
		p, statusErr := c.status()
		if statusErr != nil {
			return statusErr
		}
		e.Kind, e.Fix = ErrPermission, runAs(p)
		e.Reason = fmt.Sprintf("the JVM closed the connection without a reply: it accepts only its own UID and GID (%d, %d), "+
			"and root from JDK %d on; jvmem runs as UID %d, GID %d", p.UID, p.GID, firstMajorForRoot, c.euid, c.egid)
	case errors.Is(err, errNoCode):
		e.Kind, e.Reason = ErrReply, "the reply is not HotSpot's: another program may listen on the socket"
	case errors.Is(err, errTooLarge):
		e.Kind, e.Reason = ErrTooLarge, fmt.Sprintf("the reply is longer than %d bytes", c.options.MaxReplyBytes)
	}
	return c.fail(e)
}

// resumeFix is the fix for a stopped JVM.
const resumeFix = "resume it (kill -CONT, the signal SIGCONT), or detach the debugger"

// silence returns the likely cause for a JVM that does not reply.
func (c *Client) silence(what string) (reason, fix string) {
	p, err := c.status()
	if err == nil && isStopped(p) {
		return what + ": the JVM is stopped (SIGSTOP or a debugger)", resumeFix
	}
	return what + ": the JVM gets too little CPU, waits for a safepoint, or another attach client keeps its connection open",
		"check the container's CPU throttling, and look for another attach client that hangs"
}

func isStopped(p proc.Status) bool { return p.State == 'T' || p.State == 't' }

// canceled is the error for a context that ended before the work.
func (c *Client) canceled(ctx context.Context, op string) error {
	e := &Error{Op: op, Path: c.socketName(), Kind: ErrCanceled, Reason: "canceled before a reply", Err: ctx.Err()}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		e.Kind = ErrTimeout
		e.Reason, e.Fix = c.silence("no reply before the deadline of the sample")
	}
	return c.fail(e)
}

func (c *Client) fail(e *Error) error {
	e.PID = c.target.PID
	if e.Err != nil && e.Kind == ErrSystem && errors.Is(e.Err, fs.ErrPermission) {
		e.Kind = ErrPermission
	}
	return e
}
