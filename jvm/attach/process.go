package attach

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/proc"
)

func (c *Client) procPath(name string) string {
	return filepath.Join(c.target.Proc, strconv.Itoa(c.target.PID), name)
}

// identify returns an error of kind ErrGone unless the PID still belongs to the
// process that the Client was made for.
func (c *Client) identify() error {
	var stat proc.Stat
	err := c.read("check", proc.StatFile(c.target.PID), func(r io.Reader) (err error) {
		stat, err = proc.ParseStat(r)
		return err
	})
	if err != nil {
		return err
	}
	if c.target.StartTime == 0 {
		c.target.StartTime = stat.StartTicks
	}
	name := c.procPath(proc.StatFile(c.target.PID))
	switch {
	case stat.StartTicks != c.target.StartTime:
		return c.fail(&Error{Op: "check", Path: name, Kind: ErrGone, Reason: "its PID was given to another process"})
	case stat.State == 'Z' || stat.State == 'X' || stat.Exiting:
		return c.fail(&Error{Op: "check", Path: name, Kind: ErrGone, Reason: "the process has ended"})
	}
	return nil
}

func (c *Client) status() (proc.Status, error) {
	var s proc.Status
	err := c.read("check", "status", func(r io.Reader) (err error) {
		s, err = proc.ParseStatus(r)
		return err
	})
	return s, err
}

func (c *Client) hotspot() error {
	const op = "handshake"
	name := c.procPath("maps")
	f, err := proc.Open(name)
	if err != nil {
		return c.procError(op, name, err)
	}
	defer f.Close()
	found := true
	err = c.parse(op, name, f, func(r io.Reader) error {
		_, err := proc.FindLibrary(r)
		if errors.Is(err, proc.ErrNotHotSpot) {
			found, err = false, nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if !found {
		return c.fail(&Error{Op: op, Path: name, Kind: ErrNotHotSpot,
			Reason: "the process has not mapped HotSpot's libjvm.so, so jvmem does not send it SIGQUIT"})
	}
	return nil
}

// read parses a short file of the process.
func (c *Client) read(op, file string, parse func(io.Reader) error) error {
	name := c.procPath(file)
	f, err := proc.OpenShort(name)
	if err != nil {
		return c.procError(op, name, err)
	}
	defer f.Close()
	return c.parse(op, name, f, parse)
}

func (c *Client) parse(op, name string, r io.Reader, parse func(io.Reader) error) error {
	err := parse(r)
	var failed *fs.PathError // reading failed, not parsing
	switch {
	case err == nil:
		return nil
	case errors.As(err, &failed), errors.Is(err, proc.ErrGone):
		return c.procError(op, name, err)
	}
	return c.fail(&Error{Op: op, Path: name, Kind: ErrSystem, Reason: name + " could not be parsed", Err: err})
}

// procError explains a failed open or read below /proc/<pid>.
func (c *Client) procError(op, name string, err error) error {
	e := &Error{Op: op, Path: name, Kind: ErrSystem, Reason: fmt.Sprintf("%s could not be read: %v", name, cause(err)), Err: err}
	switch {
	case errors.Is(proc.Gone(c.target.PID, err), proc.ErrGone):
		e.Kind, e.Reason = ErrGone, "the process has ended"
	case errors.Is(err, fs.ErrPermission):
		e.Kind, e.Reason = ErrPermission, "no permission to read "+name
		e.Fix = "run jvmem with the JVM's own UID and GID (runAsUser, runAsGroup)"
		if os.Geteuid() == 0 {
			e.Fix += ", or as root with the capability SYS_PTRACE"
		}
	}
	return c.fail(e)
}

// cause returns the system error in err, without the path that its reason names.
func cause(err error) error {
	var number unix.Errno
	if errors.As(err, &number) {
		return number
	}
	return err
}
