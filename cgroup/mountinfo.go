package cgroup

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxMountLine bounds one line of mountinfo: two escaped paths of PATH_MAX and
// the mount options.
const maxMountLine = 1 << 20

// mount is a mounted hierarchy that has (v1) or can have (v2) the memory controller.
type mount struct {
	version int
	root    string // the cgroup at the mount point, relative to our cgroup namespace
	point   string // relative to the root directory of the process
}

// parseMountinfo reads the memory cgroup mounts from /proc/<pid>/mountinfo
// (proc_pid_mountinfo(5)):
//
//	35 31 0:32 /root /mount/point rw,relatime shared:9 - cgroup cgroup rw,memory
//
// Lines of other filesystems are ignored.
func parseMountinfo(r io.Reader) ([]mount, error) {
	var mounts []mount
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxMountLine)
	for s.Scan() {
		head, tail, ok := strings.Cut(s.Text(), " - ")
		f, super := strings.Fields(head), strings.Split(tail, " ") // the second one, the source, may be empty
		if !ok || len(f) < 6 || len(super) < 3 {
			return nil, fmt.Errorf("invalid line %q", s.Text())
		}
		m := mount{root: unescape(f[3]), point: unescape(f[4])}
		switch super[0] {
		case "cgroup":
			m.version = 1
			if !slices.Contains(strings.Split(super[2], ","), "memory") {
				continue
			}
		case "cgroup2":
			m.version = 2
		default:
			continue
		}
		if !strings.HasPrefix(m.root, "/") || !strings.HasPrefix(m.point, "/") {
			return nil, fmt.Errorf("invalid line %q", s.Text())
		}
		mounts = append(mounts, m)
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	return mounts, nil
}

// unescape decodes the kernel's \ooo for space, tab, newline, backslash and #.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && isOctal(s[i+1:i+4]) {
			out = append(out, (s[i+1]-'0')<<6|(s[i+2]-'0')<<3|(s[i+3]-'0'))
			i += 3
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

func isOctal(s string) bool { return s[0] <= '3' && strings.Trim(s, "01234567") == "" }
