package jvmtest

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLocate(t *testing.T) {
	tests := map[string]struct {
		cgroup, mountinfo string
		dir, mount        string
		version           int
	}{
		"v1": {
			"9:cpu:/\n4:memory:/a/b\n0::/\n",
			"30 20 0:25 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n31 20 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n32 20 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			"/sys/fs/cgroup/memory/a/b", "/sys/fs/cgroup/memory", 1,
		},
		"v1 in a container": {
			"4:memory:/docker/0123\n",
			"31 20 0:26 /docker/0123 /sys/fs/cgroup/memory ro,nosuid master:9 - cgroup cgroup rw,memory\n",
			"/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory", 1,
		},
		"v2": {
			"0::/user.slice/session-1.scope\n",
			"29 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
			"/sys/fs/cgroup/user.slice/session-1.scope", "/sys/fs/cgroup", 2,
		},
		"v2 entered from another cgroup namespace": {
			"0::/../other\n",
			"29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
			"/sys/fs/cgroup/other", "/sys/fs/cgroup", 2,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			proc := t.TempDir()
			writeTree(t, proc, map[string]string{"cgroup": test.cgroup, "mountinfo": test.mountinfo})
			dir, mount, version, err := locate(proc)
			if err != nil {
				t.Fatal(err)
			}
			if dir != test.dir || mount != test.mount || version != test.version {
				t.Errorf("got %s below %s, version %d", dir, mount, version)
			}
		})
	}
	for name, files := range map[string]map[string]string{
		"no memory controller": {"cgroup": "9:cpu:/\n", "mountinfo": ""},
		"not mounted":          {"cgroup": "0::/\n", "mountinfo": "1 0 8:1 / / rw - ext4 /dev/vda rw\n"},
	} {
		t.Run(name, func(t *testing.T) {
			proc := t.TempDir()
			writeTree(t, proc, files)
			if dir, _, _, err := locate(proc); err == nil {
				t.Errorf("got %s, want an error", dir)
			}
		})
	}
}

func TestMemoryParent(t *testing.T) {
	mount := t.TempDir()
	writeTree(t, mount, map[string]string{
		"cgroup.subtree_control":                    "cpu memory pids\n",
		"user.slice/cgroup.subtree_control":         "cpu memory\n",
		"user.slice/run.scope/cgroup.procs":         "1\n", // no control file: as unwritable as one with processes
		"system.slice/cgroup.subtree_control":       "cpu\n",
		"system.slice/a.service/cgroup.controllers": "cpu\n",
	})
	for own, want := range map[string]string{
		"user.slice/run.scope":   "user.slice",
		"system.slice/a.service": "system.slice",
		"":                       "",
	} {
		got, err := memoryParent(filepath.Join(mount, own), mount)
		if err != nil || got != filepath.Join(mount, want) {
			t.Errorf("for %q: got %s, %v", own, got, err)
		}
	}
	written, err := os.ReadFile(filepath.Join(mount, "system.slice/cgroup.subtree_control"))
	if err != nil || string(written) == "cpu\n" {
		t.Errorf("system.slice was not asked for the memory controller: %q, %v", written, err)
	}
	empty := t.TempDir()
	if got, err := memoryParent(empty, empty); err == nil {
		t.Errorf("got %s from a hierarchy without control files", got)
	}
}

func writeTree(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
