package proc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// maxMountLine bounds a line: an overlay names each of its layers, up to 500, in it.
const maxMountLine = 1 << 20

// Tmpfs returns the devices (major<<32|minor) of the tmpfs file systems that a process
// has mounted: files mapped from them are shared memory. ErrGone: the process ended.
func Tmpfs(procfs string, pid int) (map[uint64]bool, error) {
	f, err := os.Open(filepath.Join(procfs, strconv.Itoa(pid), "mountinfo"))
	if errors.Is(err, syscall.EINVAL) { // a zombie no longer has mounts
		return nil, fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	if err != nil {
		return nil, Gone(pid, err)
	}
	defer f.Close()
	return parseTmpfs(f)
}

// parseTmpfs reads "ID parent major:minor root mountpoint options [tags] - type ..."
// (Documentation/filesystems/proc.rst, mountinfo). Package cgroup reads the mount
// points of cgroups from the same file; no field is read by both.
func parseTmpfs(r io.Reader) (map[uint64]bool, error) {
	devices := make(map[uint64]bool)
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, maxMountLine)
	for scan.Scan() {
		left, right, ok := strings.Cut(scan.Text(), " - ")
		fields := strings.Fields(left)
		if !ok || len(fields) < 3 || !strings.HasPrefix(right, "tmpfs ") {
			continue
		}
		major, minor, _ := strings.Cut(fields[2], ":")
		a, errA := strconv.ParseUint(major, 10, 32)
		b, errB := strconv.ParseUint(minor, 10, 32)
		if errA == nil && errB == nil {
			devices[a<<32|b] = true
		}
	}
	return devices, scan.Err()
}
