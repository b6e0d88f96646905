package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	suffix = ".slice"
	// systemd exists if systemd is the first process of the system.
	systemd = "/run/systemd/system"
	// properties has the values of set-property --runtime by unit.
	properties = "/run/systemd/system.control"
)

// Slice returns the name of a slice below the slices of the first names. Like kubelet, it
// replaces - in a name by _.
func Slice(names ...string) string {
	escaped := make([]string, len(names))
	for i, name := range names {
		escaped[i] = strings.ReplaceAll(name, "-", "_")
	}
	return strings.Join(escaped, "-") + suffix
}

// sliceFolder returns the path of a slice's cgroup: a-b.slice is in a.slice.
func sliceFolder(name string) (path string) {
	base := strings.TrimSuffix(name, suffix)
	for i, c := range base + "-" {
		if c == '-' {
			path = filepath.Join(path, base[:i]+suffix)
		}
	}
	return path
}

// makeSlice uses systemctl, as there is no D-Bus daemon; kubelet uses D-Bus.
func makeSlice(name string, limit int64) error {
	if limit != 0 {
		if err := systemctl("set-property", "--runtime", name, fmt.Sprintf("MemoryMax=%d", limit)); err != nil {
			return err
		}
	}
	return systemctl("start", name)
}

// removeSlice removes a slice, its descendants and their processes.
func removeSlice(name string) error {
	if _, err := os.Stat(systemd); err != nil {
		return nil
	}
	// systemd would wait 90 s for each process to exit.
	err := os.WriteFile(filepath.Join(MemoryDir(name), "cgroup.kill"), []byte("1"), 0)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	err = errors.Join(err, systemctl("stop", name))
	base := filepath.Join(properties, strings.TrimSuffix(name, suffix))
	below, _ := filepath.Glob(base + "-*" + suffix + ".d") // the pattern is right
	for _, dir := range append(below, base+suffix+".d") {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

func systemctl(args ...string) error {
	if out, err := exec.Command("systemctl", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("systemctl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
