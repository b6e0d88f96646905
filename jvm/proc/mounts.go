package proc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// maxMountLine bounds a line: an overlay names each of its layers, up to 500, in it.
const maxMountLine = 1 << 20

// Mounts is what the mounts of a process show.
type Mounts struct {
	// Tmpfs has the devices (major<<32|minor) of the tmpfs file systems: files mapped from
	// them are shared memory.
	Tmpfs map[uint64]bool
	// PodUID and Container are the UID of the pod and the name of the container, if kubelet
	// started it. "": unknown.
	PodUID, Container string
}

// ReadMounts reads the mounts of a process, or of jvmem itself (Self). ErrGone: the process
// ended.
func ReadMounts(procfs string, pid int) (Mounts, error) {
	dir := strconv.Itoa(pid)
	if pid == Self {
		dir = "self"
	}
	f, err := Open(filepath.Join(procfs, dir, "mountinfo"))
	if errors.Is(err, syscall.EINVAL) { // a zombie no longer has mounts
		return Mounts{}, fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	if err != nil {
		return Mounts{}, Gone(pid, err)
	}
	defer f.Close()
	return parseMounts(f)
}

// Self stands for jvmem's own process, whatever its PID in procfs.
const Self = 0

// parseMounts reads "ID parent major:minor root mountpoint options [tags] - type ..."
// (Documentation/filesystems/proc.rst, mountinfo). Package cgroup reads the mount
// points of cgroups from the same file.
func parseMounts(r io.Reader) (Mounts, error) {
	m := Mounts{Tmpfs: make(map[uint64]bool)}
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, maxMountLine)
	for scan.Scan() {
		left, right, ok := strings.Cut(scan.Text(), " - ")
		fields := strings.Fields(left)
		if !ok || len(fields) < 5 {
			continue
		}
		m.kubelet(fields[3], fields[4])
		if !strings.HasPrefix(right, "tmpfs ") {
			continue
		}
		major, minor, _ := strings.Cut(fields[2], ":")
		a, errA := strconv.ParseUint(major, 10, 32)
		b, errB := strconv.ParseUint(minor, 10, 32)
		if errA == nil && errB == nil {
			m.Tmpfs[a<<32|b] = true
		}
	}
	return m, scan.Err()
}

// kubelet takes pod and container from a mount that kubelet adds to each container. Its
// root is a file in kubelet's own folder, wherever that is:
//
//	…/pods/<UID>/etc-hosts                       at /etc/hosts
//	…/pods/<UID>/containers/<name>/<instance>    at terminationMessagePath, 8 hexadecimal digits
//
// See makeHostsMount (pkg/kubelet/kubelet_pods.go), and getPodContainerDir and makeMounts
// (kubelet_getters.go, kuberuntime/kuberuntime_container.go) of Kubernetes.
func (m *Mounts) kubelet(root, point string) {
	parts := strings.Split(root, "/")
	n := len(parts)
	switch {
	case n >= 6 && parts[n-5] == "pods" && parts[n-3] == "containers" && isLabel(parts[n-2]) &&
		len(parts[n-1]) == 8 && strings.Trim(parts[n-1], "0123456789abcdef") == "":
		m.PodUID, m.Container = parts[n-4], parts[n-2]
	case n >= 4 && parts[n-3] == "pods" && parts[n-1] == "etc-hosts" && point == "/etc/hosts" && m.Container == "":
		m.PodUID = parts[n-2]
	}
}

// isLabel reports whether a container may have the name (RFC 1123).
func isLabel(s string) bool {
	return s != "" && len(s) <= 63 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
