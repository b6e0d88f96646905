package attach

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cyphar/filepath-securejoin/pathrs-lite"
	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/proc"
)

// HotSpot knows no other directory: TMPDIR and java.io.tmpdir do not move it.
const tmpDir = "/tmp"

// errNoListener: there is no socket, or nothing listens on it.
var errNoListener = errors.New("no listener")

func (c *Client) socketFile() string { return fmt.Sprintf(".java_pid%d", c.target.NSPID) }

// socketName is the socket's name for messages.
func (c *Client) socketName() string {
	return filepath.Join(c.procPath("root"), tmpDir, c.socketFile())
}

// tmp opens the JVM's /tmp. It needs search permission only.
func (c *Client) tmp() (*os.File, error) {
	root := c.procPath("root")
	dir, err := pathrs.OpenInRoot(root, tmpDir)
	switch {
	case err == nil:
		return dir, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		if gone := c.identify(); gone != nil {
			return nil, gone
		}
		return nil, c.fail(&Error{Op: "connect", Path: root + tmpDir, Kind: ErrNoTmp,
			Reason: "the JVM's container has no /tmp, or it is not a directory", Fix: mountTmp, Err: err})
	default:
		return nil, c.procError("connect", root+tmpDir, err)
	}
}

const mountTmp = "mount an emptyDir at /tmp in the JVM's container"

// dial connects to the JVM's socket. The error is errNoListener if a handshake may
// help.
//
// First it tries the socket of the last time: to look it up below the JVM's root takes 20
// system calls. A listener accepts connections also if the file was deleted. HotSpot then
// opens another socket when it is signalled, and closes this one.
func (c *Client) dial(ctx context.Context, until time.Time, p proc.Status) (*conn, error) {
	if c.socket != nil {
		if conn, err := c.dialFile(ctx, until, c.socket); !errors.Is(err, errNoListener) {
			return conn, err
		}
		_ = c.Close() // nothing was written
	}
	socket, err := c.open(p)
	if err != nil {
		return nil, err
	}
	conn, err := c.dialFile(ctx, until, socket)
	if err != nil {
		_ = socket.Close()
		return nil, err
	}
	c.socket = socket
	return conn, nil
}

// open opens the JVM's socket, to connect to it. The error is errNoListener if there is
// none.
func (c *Client) open(p proc.Status) (*os.File, error) {
	tmp, err := c.tmp()
	if err != nil {
		return nil, err
	}
	defer tmp.Close()
	// One component and no following: the socket itself is never a link.
	fd, err := unix.Openat(int(tmp.Fd()), c.socketFile(), unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoListener
	}
	if err != nil {
		return nil, c.procError("connect", c.socketName(), err)
	}
	socket := os.NewFile(uintptr(fd), c.socketName())
	if err := c.checkSocket(fd, p); err != nil {
		_ = socket.Close()
		return nil, err
	}
	return socket, nil
}

// checkSocket checks that the file is a socket of the JVM's user.
func (c *Client) checkSocket(fd int, p proc.Status) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return c.procError("connect", c.socketName(), err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return c.foreign("the attach socket was replaced by a file that is not a socket")
	case int64(st.Uid) == int64(p.UID):
		return nil
	case !p.CatchesQuit:
		return errNoListener // a starting JVM removes what an earlier one of its PID left
	}
	return c.foreign(fmt.Sprintf("the attach socket belongs to UID %d, the JVM runs as UID %d", st.Uid, p.UID))
}

// dialFile connects through the open file, which cannot be replaced and whose path is never
// too long for a socket address, and checks who listens.
func (c *Client) dialFile(ctx context.Context, until time.Time, socket *os.File) (*conn, error) {
	conn, err := connectTo(ctx, fmt.Sprintf("/proc/self/fd/%d", socket.Fd()), until)
	switch {
	case err == nil:
		if err := c.verifyPeer(conn); err != nil {
			_ = conn.Close() // refused: nothing was sent
			return nil, err
		}
		return conn, nil
	case errors.Is(err, unix.ECONNREFUSED):
		return nil, errNoListener
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		reason, fix := c.silence("the attach listener's queue is full")
		return nil, c.fail(&Error{Op: "connect", Path: c.socketName(), Kind: ErrTimeout, Reason: reason, Fix: fix, Err: context.DeadlineExceeded})
	case ctx.Err() != nil:
		return nil, c.canceled(ctx, "connect")
	default:
		return nil, c.procError("connect", c.socketName(), err)
	}
}

// verifyPeer checks that the JVM itself listens: two JVMs that share a /tmp and have the
// same PID in their namespaces use the same socket name. The other one has another PID in
// the reader's namespace, or none (0).
func (c *Client) verifyPeer(conn *conn) error {
	peer, err := conn.peer()
	switch {
	case err != nil:
		return c.procError("connect", c.socketName(), err)
	case peer.Pid == 0:
		return c.foreign(fmt.Sprintf("a process of another PID namespace (UID %d) listens on the attach socket, not the JVM", peer.Uid))
	case int(peer.Pid) != c.target.PID:
		return c.foreign(fmt.Sprintf("PID %d listens on the attach socket, not the JVM", peer.Pid))
	}
	return nil
}

func (c *Client) foreign(reason string) error {
	return c.fail(&Error{Op: "connect", Path: c.socketName(), Kind: ErrForeign, Reason: reason,
		Fix: "give each JVM container its own /tmp (an emptyDir that no other container mounts)"})
}

// sleep waits for d or the end of the context, whose error it returns.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
