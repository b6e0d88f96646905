package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	pod   = "/kubepods/burstable/podd8f3a1b2-4c5d-4e6f-8a7b-9c0d1e2f3a4b"
	appID = "1f0c5d8e7b6a49382716f5e4d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0"
	// freeID is a container without a limit of its own.
	freeID = "3d2e7fa0b98c6b5a49382716f5e4d3c2b1a0f9e8d7c6b5a493827160514f3e2d"
)

// The processes of the captures: 101 in container appID, 102 in freeID, 103 in
// a cgroup below freeID but in the host's namespaces.
func TestOpenCaptures(t *testing.T) {
	for _, tt := range []struct {
		capture string
		pid     int
		path    Path
		id      string
		limit   int64 // 0: none
		err     error
	}{
		{"v1-linux6.18-host", 101, Path{1, "/jvmemfix" + pod + "/" + appID}, appID, 64 << 20, nil},
		// v1 reports the pod's limit, which the container's mount does not show.
		{"v1-linux6.18-host", 102, Path{1, "/jvmemfix" + pod + "/" + freeID}, freeID, 128 << 20, nil},
		{"v1-linux6.18-host", 103, Path{1, "/jvmemfix" + pod + "/" + freeID + "/init.scope"}, freeID, 128 << 20, nil},
		{"v1-linux6.18-sidecar", 101, Path{1, "/../" + appID}, appID, 64 << 20, nil},
		{"v1-linux6.18-sidecar", 102, Path{1, "/../" + freeID}, freeID, 128 << 20, nil},
		// Both mounts have the root "/../../../../..", above our namespace.
		{"v1-linux6.18-sidecar", 103, Path{1, "/../" + freeID + "/init.scope"}, freeID, 0, ErrNoMount},
		{"v2-linux6.1-host", 101, Path{2, pod + "/" + appID}, appID, 64 << 20, nil},
		{"v2-linux6.1-host", 102, Path{2, pod + "/" + freeID}, freeID, 0, nil},
		// Without memory in the subtree_control of freeID it is freeID that
		// accounts; the host's mount shows the pod's limit.
		{"v2-linux6.1-host", 103, Path{2, pod + "/" + freeID + "/init.scope"}, freeID, 128 << 20, nil},
		{"v2-linux6.1-sidecar", 101, Path{2, "/../" + appID}, appID, 64 << 20, nil},
		{"v2-linux6.1-sidecar", 102, Path{2, "/../" + freeID}, freeID, 0, nil},
		{"v2-linux6.1-sidecar", 103, Path{2, "/../" + freeID + "/init.scope"}, freeID, 0, ErrNoMount},
	} {
		t.Run(tt.capture+"/"+strconv.Itoa(tt.pid), func(t *testing.T) {
			f := FS{Proc: filepath.Join("testdata", tt.capture, "proc"), fixture: true}
			path, err := f.PathOf(tt.pid)
			if err != nil || path != tt.path || path.ContainerID() != tt.id {
				t.Fatalf("PathOf = %v, %v, ID %q", path, err, path.ContainerID())
			}
			g, err := f.Open(tt.pid)
			if !errors.Is(err, tt.err) {
				t.Fatalf("Open: %v, want %v", err, tt.err)
			}
			if err != nil {
				return
			}
			defer g.Close()
			m, err := g.Memory()
			if err != nil {
				t.Fatal(err)
			}
			if got := deref(m.LimitBytes); got != tt.limit {
				t.Errorf("limit %d, want %d", got, tt.limit)
			}
			if !tt.path.Within(g.Path) || g.Root {
				t.Errorf("process in %v, opened %v, root %v", tt.path, g.Path, g.Root)
			}
		})
	}
}

func deref(p *int64) int64 {
	if p == nil {
		return 0
	}
	return *p
}

// plant writes a tree of files: content by path; "-> x" makes a symbolic link,
// a path ending in "/" a directory.
func plant(t *testing.T, files map[string]string) FS {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		var err error
		if mkErr := os.MkdirAll(filepath.Dir(path), 0o755); mkErr != nil {
			t.Fatal(mkErr)
		}
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(strings.ReplaceAll(target, "$DIR", dir), path)
		} else if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return FS{Proc: dir, fixture: true}
}

const (
	mountV1   = "35 31 0:32 %s /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	mountV2   = "26 23 0:23 %s /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	statV2    = "anon 4096\nfile 8192\ninactive_file 4096\n"
	eventsV2  = "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n"
	otherFS   = "22 27 0:20 / /proc rw,relatime - proc proc rw\n"
	otherV1   = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
	cgroupDir = "7/root/sys/fs/cgroup/"
	// The beginning, of Linux 6.18: a process that runs, and one that was killed.
	statRunning = "7 (python3) R 2519 2517 3915 0 -1 4194368 0 0 0 0 0 0 0 0\n"
	statExiting = "7 (py) 3) Z 2519 2517 3915 0 -1 4228172 1 0 0 0 0 0 0 0\n"
)

func mounted(line, root string) string { return otherFS + strings.Replace(line, "%s", root, 1) }

func TestOpen(t *testing.T) {
	group := func(dir string, files map[string]string) map[string]string {
		for name, content := range map[string]string{"memory.current": "12288\n", "memory.max": "max\n",
			"memory.stat": statV2, "memory.events": eventsV2, "cgroup.events": "populated 1\n", "cgroup.controllers": "memory\n"} {
			files[dir+name] = content
		}
		return files
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  Path
		err   error
		fix   string
	}{
		{name: "hybrid host with memory on v2", want: Path{2, "/c"},
			files: group(cgroupDir+"c/", map[string]string{"7/cgroup": "3:cpu:/other\n0::/c\n", "7/mountinfo": otherV1 + mounted(mountV2, "/")})},
		{name: "mount point with a space", want: Path{2, "/c"},
			files: group("7/root/my cgroup/", map[string]string{"7/cgroup": "0::/c\n", "7/mountinfo": `1 2 0:23 /c /my\040cgroup rw shared:1 - cgroup2 cgroup2 rw` + "\n"})},
		{name: "only our own mounts show it", want: Path{2, "/pod/c"},
			files: group("self/root/sys/fs/cgroup/pod/c/", map[string]string{"7/cgroup": "0::/pod/c\n", "7/mountinfo": otherFS, "self/mountinfo": mounted(mountV2, "/")})},
		{name: "second mount after one that can't be opened", want: Path{2, "/pod/c"},
			files: group(cgroupDir, map[string]string{"7/cgroup": "0::/pod/c\n", "7/mountinfo": "1 2 0:23 / /gone rw - cgroup2 cgroup2 rw\n" + mounted(mountV2, "/pod/c")})},
		{name: "threaded cgroup is accounted by an ancestor", want: Path{2, "/../c"},
			files: group(cgroupDir, map[string]string{"7/cgroup": "0::/../c/a/b\n", "7/mountinfo": mounted(mountV2, "/../c"), cgroupDir + "a/b/": ""})},
		{name: "absolute link inside the container's root", want: Path{2, "/c"},
			files: group("7/root/real/", map[string]string{"7/cgroup": "0::/c\n", "7/mountinfo": mounted(mountV2, "/c"), "7/root/sys/fs/cgroup": "-> /real"})},
		{name: "link out of the container's root", err: fs.ErrNotExist,
			files: group("outside/", map[string]string{"7/cgroup": "0::/c\n", "7/mountinfo": mounted(mountV2, "/c"), "7/root/sys/fs/cgroup": "-> $DIR/outside", "self/mountinfo": otherFS})},
		{name: "relative link out of the container's root", err: fs.ErrNotExist,
			files: group("outside/", map[string]string{"7/cgroup": "0::/c\n", "7/mountinfo": mounted(mountV2, "/c"), "7/root/sys/fs/cgroup": "-> ../../../../outside", "self/mountinfo": otherFS})},
		{name: "root cgroup of v2", err: ErrRootCgroup, fix: fixRoot,
			files: map[string]string{"7/cgroup": "0::/\n", "7/mountinfo": mounted(mountV2, "/"), cgroupDir + "cgroup.controllers": "cpu memory\n"}},
		{name: "kernel without the memory controller", err: ErrNoController, fix: fixController,
			files: map[string]string{"7/cgroup": "0::/\n", "7/mountinfo": mounted(mountV2, "/"), cgroupDir + "cgroup.controllers": "cpu\n", "self/mountinfo": otherFS}},
		{name: "controller not given to the container", err: ErrNoController, fix: fixController,
			files: map[string]string{"7/cgroup": "0::/c\n", "7/mountinfo": mounted(mountV2, "/c"), cgroupDir + "cgroup.controllers": "\n", cgroupDir + "cgroup.events": "populated 1\n", "self/mountinfo": otherFS}},
		{name: "v1 memory line, v2 mount only", err: ErrNoMount, fix: fixMount,
			files: map[string]string{"7/cgroup": "4:memory:/c\n0::/c\n", "7/mountinfo": mounted(mountV2, "/"), "self/mountinfo": otherFS}},
		{name: "v1 memory mount among others", want: Path{1, "/c"},
			files: map[string]string{"7/cgroup": "9:cpu,memory:/c\n0::/\n", "7/mountinfo": otherV1 + mounted(mountV1, "/") + mounted(mountV2, "/"), cgroupDir + "memory/c/": ""}},
		{name: "no memory line", err: ErrNoController, fix: fixController, files: map[string]string{"7/cgroup": "3:cpu:/\n"}},
		{name: "v1, a task that exits shows the root", err: ErrGone,
			files: map[string]string{"7/cgroup": "4:memory:/\n", "7/task/7/stat": statExiting, "7/mountinfo": mounted(mountV1, "/"), cgroupDir + "memory/cgroup.sane_behavior": "0\n"}},
		{name: "v1, ended since it showed the root", err: ErrGone,
			files: map[string]string{"7/cgroup": "4:memory:/\n", "7/mountinfo": mounted(mountV1, "/"), cgroupDir + "memory/cgroup.sane_behavior": "0\n"}},
		{name: "kernel without cgroups", err: ErrNoController, fix: fixController, files: map[string]string{"7/task/7/stat": statRunning}},
		{name: "ended", err: ErrGone, files: map[string]string{"8/cgroup": "0::/\n"}},
		{name: "ended while it is read", err: ErrGone, files: map[string]string{"7/cgroup": "-> /nonexistent"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := plant(t, tt.files).Open(7)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if err == nil {
				defer g.Close()
				if g.Path != tt.want {
					t.Errorf("opened %v, want %v", g.Path, tt.want)
				}
				return
			}
			if e := (*Error)(nil); tt.fix != "" && (!errors.As(err, &e) || e.Fix != tt.fix) {
				t.Errorf("%q does not say %q", err, tt.fix)
			}
		})
	}
}

// A v1 host's root cgroup has all files, but no container accounts there.
func TestRootOfV1IsMarked(t *testing.T) {
	f := plant(t, map[string]string{"7/cgroup": "4:memory:/\n", "7/task/7/stat": statRunning, "7/mountinfo": mounted(mountV1, "/"), cgroupDir + "memory/cgroup.sane_behavior": "0\n"})
	g, err := f.Open(7)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if !g.Root {
		t.Error("not marked as root")
	}
}

func TestOpenWithoutPermission(t *testing.T) {
	f := plant(t, map[string]string{"7/cgroup": "0::/../c\n", "7/mountinfo": mounted(mountV2, "/../c"), cgroupDir + "memory.current": "1\n", "self/mountinfo": otherFS})
	closed := f.path("7", "root")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Chmod(closed, 0o755); err != nil {
			t.Error(err)
		}
	})
	err := withoutRights(func() error { _, err := f.Open(7); return err })
	e := (*Error)(nil)
	if !errors.Is(err, fs.ErrPermission) || !errors.As(err, &e) || e.Fix != fixUser {
		t.Errorf("%v: want a permission error that says what to do", err)
	}
}

// withoutRights runs f on a thread without root's rights over files.
func withoutRights(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends here
		if os.Geteuid() == 0 {
			if err := unix.Setfsuid(65534); err != nil {
				done <- err
				return
			}
		}
		done <- f()
	}()
	return <-done
}

// Outside of fixtures a tree of plain files is not believed.
func TestOpenVerifiesFilesystem(t *testing.T) {
	g, err := FS{Proc: "testdata/v2-linux6.1-host/proc"}.Open(101)
	if !errors.Is(err, ErrNotCgroup) {
		t.Errorf("opened %v, error %v", g, err)
	}
}
