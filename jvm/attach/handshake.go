package attach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/proc"
)

// A SIGQUIT that does not lead to a listener makes the JVM print a thread dump
// into the application's output: after one comes a long pause.
const (
	minBackOff = time.Minute
	maxBackOff = 10 * time.Minute
)

// The listener is up within 1.4 to 3 ms as a rule, much later on a JVM that is
// starved of CPU.
const (
	firstDelay = time.Millisecond
	maxDelay   = 200 * time.Millisecond
	slowDelay  = 50 * time.Millisecond  // from here on something is unusual
	settleTime = 500 * time.Millisecond // a listener's thread opens its socket well within
)

// connect returns a connection to the JVM, after a handshake where one is needed.
func (c *Client) connect(ctx context.Context, p proc.Status) (*net.UnixConn, error) {
	dialing, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	conn, err := c.dial(dialing, p)
	if errors.Is(err, errNoListener) {
		return c.handshake(ctx)
	}
	return conn, err
}

func (c *Client) handshake(ctx context.Context) (*net.UnixConn, error) {
	if c.target.AttachDisabled {
		return nil, c.fail(&Error{Op: "handshake", Kind: ErrDisabled,
			Reason: "the JVM runs with -XX:+DisableAttachMechanism", Fix: "start the JVM without -XX:+DisableAttachMechanism"})
	}
	if wait := c.notBefore.Sub(c.now()); wait > 0 {
		return nil, c.fail(&Error{Op: "handshake", Kind: ErrBackOff,
			Reason: fmt.Sprintf("the last handshake failed; the next is tried in %v", wait.Round(time.Second)), Fix: noListenerFix})
	}
	p, err := c.ready()
	if err != nil {
		return nil, err
	}
	if err := c.hotspot(); err != nil {
		return nil, err
	}
	tmp, err := c.tmp()
	if err != nil {
		return nil, err
	}
	defer tmp.Close()
	if ctx.Err() != nil {
		return nil, c.canceled(ctx, "handshake")
	}
	t, err := c.createTrigger(p, tmp)
	if err != nil {
		return nil, err
	}
	defer t.remove()
	if err := c.quit(); err != nil {
		return nil, err
	}
	c.backOff = min(max(2*c.backOff, minBackOff), maxBackOff)
	c.notBefore = c.now().Add(c.backOff)
	conn, err := c.await(ctx)
	if err == nil {
		c.backOff, c.notBefore = 0, time.Time{}
	}
	return conn, err
}

const noListenerFix = "look for -XX:+DisableAttachMechanism in the JVM's options and for CPU throttling"

// ready says whether SIGQUIT is safe at this moment.
func (c *Client) ready() (proc.Status, error) {
	p, err := c.status()
	if err != nil {
		return p, err
	}
	if isStopped(p) {
		return p, c.fail(&Error{Op: "handshake", Path: c.procPath("status"), Kind: ErrStopped,
			Reason: "the JVM is stopped (SIGSTOP or a debugger), so it is not signalled", Fix: "continue it with SIGCONT"})
	}
	if !p.CatchesQuit {
		return p, c.fail(&Error{Op: "handshake", Path: c.procPath("status"), Kind: ErrNotCaught,
			Reason: "SIGQUIT would kill the process: a JVM that is still starting, one with -Xrs whose socket was deleted, or no JVM",
			Fix:    "with -Xrs, keep cleaners away from /tmp/.java_pid* and restart the JVM"})
	}
	return p, nil
}

// quit sends SIGQUIT to the process the Client was made for and to no other:
// the pidfd pins it, then identity and signal mask are looked at once more.
func (c *Client) quit() error {
	pidfd, err := c.openPidfd(c.target.PID)
	switch {
	case err == nil:
		defer unix.Close(pidfd)
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM):
		// Linux before 5.3, or a seccomp profile that does not know the call
		// (the call itself has no EPERM): kill, microseconds after the check.
		pidfd = -1
	default:
		return c.procError("handshake", c.procPath(""), os.NewSyscallError("pidfd_open", err))
	}
	if err := c.identify(); err != nil {
		return err
	}
	p, err := c.ready()
	if err != nil {
		return err
	}
	err = c.signal(pidfd, c.target.PID)
	if errors.Is(err, unix.EPERM) {
		return c.fail(&Error{Op: "handshake", Kind: ErrPermission, Reason: "this user may not signal the JVM", Fix: runAs(p), Err: err})
	}
	if err != nil {
		return c.procError("handshake", c.procPath(""), os.NewSyscallError("pidfd_send_signal", err))
	}
	return nil
}

func sendQuit(pidfd, pid int) error {
	if pidfd < 0 {
		return unix.Kill(pid, unix.SIGQUIT)
	}
	return unix.PidfdSendSignal(pidfd, unix.SIGQUIT, nil, 0)
}

// await waits for the socket.
//
// It signals again, once, where the listener's thread has been there for a
// while and its socket is not: a JVM deletes stale sockets while it starts
// (AttachListener::vm_start) and may hit the one it just made. With its listener
// up and the socket missing, SIGQUIT makes it open a new one, without a dump.
func (c *Client) await(ctx context.Context) (*net.UnixConn, error) {
	waiting, cancel := context.WithTimeout(ctx, c.options.AttachTimeout)
	defer cancel()
	var listening time.Time
	again := c.target.MajorVersion == 0 || c.target.MajorVersion >= firstMajorForRoot
	for delay := firstDelay; ; delay = min(2*delay, maxDelay) {
		err := sleep(waiting, delay)
		if gone := c.identify(); gone != nil {
			return nil, gone
		}
		if ctx.Err() != nil {
			return nil, c.canceled(ctx, "handshake")
		}
		if err != nil {
			reason, _ := c.silence(fmt.Sprintf("no socket %v after SIGQUIT", c.options.AttachTimeout))
			return nil, c.fail(&Error{Op: "handshake", Path: c.socketName(), Kind: ErrTimeout, Reason: reason, Fix: noListenerFix})
		}
		p, err := c.status()
		if err != nil {
			return nil, err
		}
		conn, err := c.dial(waiting, p)
		if !errors.Is(err, errNoListener) {
			return conn, err
		}
		switch {
		case !again || delay < slowDelay || !c.hasListenerThread():
		case listening.IsZero():
			listening = time.Now()
		case time.Since(listening) > settleTime:
			again = false
			if err := c.quit(); err != nil {
				return nil, err
			}
		}
	}
}

// hasListenerThread looks for HotSpot's attach listener among the threads. What
// can't be read counts as no.
func (c *Client) hasListenerThread() bool {
	names, err := filepath.Glob(c.procPath("task/*/comm"))
	if err != nil {
		return false
	}
	for _, name := range names {
		if comm, err := os.ReadFile(name); err == nil && string(comm) == "Attach Listener\n" {
			return true
		}
	}
	return false
}
