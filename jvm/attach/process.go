package attach

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// process is what /proc/<pid>/status says of a process.
type process struct {
	state      byte // 'R', 'S', 'T' stopped, 't' traced, 'Z' dead, ...
	euid, egid int  // effective, in our user namespace
	nspid      int  // in its own PID namespace; 0: the kernel does not tell (before 4.1)
	caught     bool // it catches SIGQUIT
}

const sigQuitMask = 1 << (uint(unix.SIGQUIT) - 1)

// maxStatusBytes is above what a process with the most supplementary groups has.
const maxStatusBytes = 1 << 20

// parseStatus reads /proc/<pid>/status, see proc_pid_status(5). A field that is
// missing or not understood is an error, apart from NSpid.
func parseStatus(r io.Reader) (process, error) {
	var p process
	seen := map[string]bool{}
	lines := bufio.NewScanner(io.LimitReader(r, maxStatusBytes))
	lines.Buffer(nil, maxStatusBytes)
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), ":")
		if !ok || seen[key] {
			continue
		}
		fields := strings.Fields(value)
		var err error
		switch key {
		case "State":
			if len(fields) == 0 || len(fields[0]) != 1 {
				return p, fmt.Errorf("status: State %q", value)
			}
			p.state = fields[0][0]
		case "Uid":
			p.euid, err = effective(fields)
		case "Gid":
			p.egid, err = effective(fields)
		case "NSpid":
			if len(fields) == 0 {
				return p, fmt.Errorf("status: NSpid is empty")
			}
			p.nspid, err = strconv.Atoi(fields[len(fields)-1])
			if err == nil && p.nspid <= 0 {
				err = fmt.Errorf("%d is not a PID", p.nspid)
			}
		case "SigCgt":
			var mask uint64
			mask, err = strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			p.caught = mask&sigQuitMask != 0
		default:
			continue
		}
		if err != nil {
			return p, fmt.Errorf("status: %s: %w", key, err)
		}
		seen[key] = true
	}
	if err := lines.Err(); err != nil {
		return p, fmt.Errorf("status: %w", err)
	}
	for _, key := range []string{"State", "Uid", "Gid", "SigCgt"} {
		if !seen[key] {
			return p, fmt.Errorf("status: no %s", key)
		}
	}
	return p, nil
}

// effective takes the second of real, effective, saved, filesystem.
func effective(fields []string) (int, error) {
	if len(fields) != 4 {
		return 0, fmt.Errorf("%d IDs, not 4", len(fields))
	}
	id, err := strconv.ParseUint(fields[1], 10, 32)
	return int(id), err
}

// parseStartTime returns state and start time (clock ticks since boot) from
// /proc/<pid>/stat, see proc_pid_stat(5): fields 3 and 22. The name before them
// may hold anything, parentheses too.
func parseStartTime(stat string) (state byte, ticks uint64, err error) {
	const fromState, startTime = 3, 22
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= startTime-fromState || len(fields[0]) != 1 {
		return 0, 0, fmt.Errorf("stat: %d fields after the name", len(fields))
	}
	ticks, err = strconv.ParseUint(fields[startTime-fromState], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("stat: start time: %w", err)
	}
	return fields[0][0], ticks, nil
}

// hotspotMaps says whether a process with this /proc/<pid>/maps runs HotSpot:
// OpenJ9 has a libjvm.so too, which loads libj9vm.
func hotspotMaps(r io.Reader) (bool, error) {
	const maxBytes = 256 << 20
	found := false
	lines := bufio.NewScanner(io.LimitReader(r, maxBytes))
	for lines.Scan() {
		name := path.Base(strings.TrimSuffix(lines.Text(), " (deleted)"))
		if strings.HasPrefix(name, "libj9vm") {
			return false, nil
		}
		found = found || name == "libjvm.so"
	}
	return found, lines.Err()
}

func (c *Client) procPath(name string) string {
	return filepath.Join(c.target.Proc, strconv.Itoa(c.target.PID), name)
}

// identify returns an error of kind ErrGone unless the PID still belongs to the
// process that the Client was made for.
func (c *Client) identify() error {
	name := c.procPath("stat")
	stat, err := os.ReadFile(name)
	if err != nil {
		return c.procError("check", name, err)
	}
	state, ticks, err := parseStartTime(string(stat))
	if err != nil {
		return c.fail(&Error{Op: "check", Path: name, Kind: ErrSystem, Reason: "unreadable", Err: err})
	}
	if c.target.StartTime == 0 {
		c.target.StartTime = ticks
	}
	switch {
	case ticks != c.target.StartTime:
		return c.fail(&Error{Op: "check", Path: name, Kind: ErrGone, Reason: "the PID now belongs to another process"})
	case state == 'Z' || state == 'X':
		return c.fail(&Error{Op: "check", Path: name, Kind: ErrGone, Reason: "the process has ended"})
	}
	return nil
}

func (c *Client) status() (process, error) {
	name := c.procPath("status")
	f, err := os.Open(name)
	if err != nil {
		return process{}, c.procError("check", name, err)
	}
	defer f.Close()
	p, err := parseStatus(f)
	if errors.Is(err, unix.ESRCH) {
		return p, c.procError("check", name, err)
	}
	if err != nil {
		return p, c.fail(&Error{Op: "check", Path: name, Kind: ErrSystem, Reason: "unreadable", Err: err})
	}
	return p, nil
}

func (c *Client) hotspot() error {
	name := c.procPath("maps")
	f, err := os.Open(name)
	if err != nil {
		return c.procError("handshake", name, err)
	}
	defer f.Close()
	ok, err := hotspotMaps(f)
	if err != nil {
		return c.procError("handshake", name, err)
	}
	if !ok {
		return c.fail(&Error{Op: "handshake", Path: name, Kind: ErrNotHotSpot,
			Reason: "the process maps no HotSpot libjvm.so, so it is not signalled"})
	}
	return nil
}

// procError explains a failed open or read of something in /proc/<pid>.
func (c *Client) procError(op, name string, err error) error {
	e := &Error{Op: op, Path: name, Kind: ErrSystem, Reason: "not accessible", Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
		e.Kind, e.Reason = ErrGone, "the process is gone"
	case errors.Is(err, fs.ErrPermission):
		e.Kind, e.Reason = ErrPermission, "no access for this user"
		e.Fix = "run jvmem with the JVM's own UID and GID (runAsUser, runAsGroup)"
		if os.Geteuid() == 0 {
			e.Fix += ", or as root with the capability SYS_PTRACE"
		}
	}
	return c.fail(e)
}
