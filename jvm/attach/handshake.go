package attach

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/proc"
)

// A SIGQUIT that does not lead to a listener makes the JVM print a thread dump to the
// application's output, so the next attempt is delayed.
const (
	minBackOff = time.Minute
	maxBackOff = 10 * time.Minute
	// heardAfter is when a JVM has surely handled the signal. One that has too little CPU
	// may do so long after AttachTimeout, and prints a thread dump if the trigger is gone.
	heardAfter = time.Minute
)

// The listener usually runs within 1.4 to 3 ms, much later if the JVM gets too little
// CPU.
const (
	firstDelay = time.Millisecond
	maxDelay   = 200 * time.Millisecond
	slowDelay  = 50 * time.Millisecond // longer delays are unusual
)

// connect returns a connection to the JVM, after a handshake where one is needed.
func (c *Client) connect(ctx context.Context, p proc.Status) (*conn, error) {
	conn, err := c.dial(ctx, time.Now().Add(c.options.Timeout), p)
	listens := !errors.Is(err, errNoListener)
	if !c.unheard.IsZero() && (listens || c.now().Sub(c.unheard) > heardAfter) {
		c.retract()
	}
	if !listens {
		return c.handshake(ctx)
	}
	return conn, err
}

func (c *Client) handshake(ctx context.Context) (*conn, error) {
	if c.target.AttachDisabled {
		return nil, c.fail(&Error{Op: "handshake", Kind: ErrDisabled,
			Reason: "the JVM runs with -XX:+DisableAttachMechanism", Fix: "start the JVM without -XX:+DisableAttachMechanism"})
	}
	if wait := c.notBefore.Sub(c.now()); wait > 0 {
		return nil, c.fail(&Error{Op: "handshake", Kind: ErrBackOff,
			Reason: fmt.Sprintf("the last attempt to attach failed; the next attempt is in %v", wait.Round(time.Second)), Fix: noListenerFix})
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
	if err := c.quit(); err != nil {
		t.remove()
		return nil, err
	}
	c.backOff = min(max(2*c.backOff, minBackOff), maxBackOff)
	c.notBefore = c.now().Add(c.backOff)
	conn, err := c.await(ctx)
	switch {
	case err == nil:
		c.backOff, c.notBefore = 0, time.Time{}
		t.remove()
	case c.identify() != nil: // the process has ended
		t.remove()
	default:
		c.unheard = c.now()
	}
	return conn, err
}

// retract removes the trigger of a handshake whose signal had no effect in time.
func (c *Client) retract() {
	tmp, err := c.tmp()
	if err != nil {
		return
	}
	defer tmp.Close()
	(&trigger{tmp, c.triggerFile()}).remove()
	c.unheard = time.Time{}
}

const noListenerFix = "check the JVM's options for -XX:+DisableAttachMechanism, and the container for CPU throttling"

// ready returns an error unless SIGQUIT is safe at this moment.
func (c *Client) ready() (proc.Status, error) {
	p, err := c.status()
	if err != nil {
		return p, err
	}
	if isStopped(p) {
		return p, c.fail(&Error{Op: "handshake", Path: c.procPath("status"), Kind: ErrStopped,
			Reason: "the JVM is stopped (SIGSTOP or a debugger)", Fix: resumeFix})
	}
	if !p.CatchesQuit {
		return p, c.fail(&Error{Op: "handshake", Path: c.procPath("status"), Kind: ErrNotCaught,
			Reason: "jvmem does not send SIGQUIT, which would kill the process: the JVM is still starting, or it runs with -Xrs and its attach socket was deleted",
			Fix:    "with -Xrs, exclude /tmp/.java_pid* from the cleaner of /tmp, and restart the JVM"})
	}
	return p, nil
}

// quit sends SIGQUIT to the process of the Client and to no other: a pidfd holds the
// process, then identity and signal mask are checked again.
func (c *Client) quit() error {
	pidfd, err := c.openPidfd(c.target.PID)
	switch {
	case err == nil:
		defer unix.Close(pidfd)
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM):
		// Linux before 5.3, or a seccomp profile without the call (which itself never
		// returns EPERM): kill, microseconds after the check.
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
		return c.fail(&Error{Op: "handshake", Kind: ErrPermission, Reason: "no permission to send a signal to the JVM", Fix: runAs(p), Err: err})
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
// It sends a second SIGQUIT, once, if the JVM listens on a socket whose file is gone: a
// starting JVM deletes stale sockets (AttachListener::vm_start) and may delete the one it
// just created. In that state SIGQUIT makes it open a new one, without a thread dump.
func (c *Client) await(ctx context.Context) (*conn, error) {
	until := time.Now().Add(c.options.AttachTimeout)
	waiting, cancel := context.WithDeadline(ctx, until)
	defer cancel()
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
			reason, _ := c.silence(fmt.Sprintf("the JVM did not open its attach socket within %v of SIGQUIT", c.options.AttachTimeout))
			return nil, c.fail(&Error{Op: "handshake", Path: c.socketName(), Kind: ErrTimeout, Reason: reason, Fix: noListenerFix})
		}
		p, err := c.status()
		if err != nil {
			return nil, err
		}
		conn, err := c.dial(ctx, until, p)
		if !errors.Is(err, errNoListener) {
			return conn, err
		}
		if again && delay >= slowDelay && c.lostSocket() {
			again = false
			if err := c.quit(); err != nil {
				return nil, err
			}
		}
	}
}
