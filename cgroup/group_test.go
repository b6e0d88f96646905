package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLive reads the test's own cgroup, on any host: 64 MiB that the test holds
// are in the cgroup's anonymous memory.
func TestLive(t *testing.T) {
	const size = 64 << 20
	held, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(held); err != nil {
			t.Error(err)
		}
	})
	for i := 0; i < size; i += 4096 {
		held[i] = 1
	}
	g, err := FS{}.Open(os.Getpid())
	if errors.Is(err, ErrRootCgroup) {
		// Right on a v2 host that runs the test outside of any service.
		if b, readErr := os.ReadFile("/proc/self/cgroup"); !strings.HasSuffix(string(b), "0::/\n") {
			t.Fatalf("%v, but in %q (%v)", err, b, readErr)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	m, err := g.Memory()
	if err != nil {
		t.Fatal(err)
	}
	if m.UsageBytes < size || deref(m.AnonBytes) < size || deref(m.WorkingSetBytes()) < size {
		t.Errorf("usage %d, anon %d: less than the %d we hold", m.UsageBytes, deref(m.AnonBytes), size)
	}
	if _, err := g.Events(); err != nil {
		t.Error(err)
	}
	path, err := FS{}.PathOf(os.Getpid())
	if err != nil || !path.Within(g.Path) {
		t.Errorf("in %v (%v), opened %v", path, err, g.Path)
	}
}

func TestRemovedCgroup(t *testing.T) {
	for _, version := range []int{1, 2} {
		g := group(t, version, capture(t, "v2-linux6.1-oom"))
		if err := os.RemoveAll(g.name); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Memory(); !errors.Is(err, ErrGone) {
			t.Errorf("v%d Memory: %v, want ErrGone", version, err)
		}
		if _, err := g.Events(); !errors.Is(err, ErrGone) {
			t.Errorf("v%d Events: %v, want ErrGone", version, err)
		}
	}
}

// TestControllerOff: while the memory controller is disabled only the reason is reported,
// and everything once it is enabled again; also by a Group that was opened meanwhile, of an
// ancestor.
func TestControllerOff(t *testing.T) {
	files := capture(t, "v2-linux6.1-oom")
	tree := map[string]string{"7/cgroup": "0::/c/d\n", "7/mountinfo": mounted(mountV2, "/c"), cgroupDir + "cgroup.procs": "", cgroupDir + "d/cgroup.procs": "7\n"}
	for name, content := range files {
		tree[cgroupDir+name] = content
		tree[cgroupDir+"d/"+name] = content
	}
	f := plant(t, tree)
	open := func() *Group {
		t.Helper()
		g, err := f.Open(7)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { g.Close() })
		return g
	}
	g := open()
	rename := func(from, to string) {
		t.Helper()
		for name := range files {
			if err := os.Rename(filepath.Join(g.name, from+name), filepath.Join(g.name, to+name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	rename("", "off-")
	m, err := g.Memory()
	if e := (*Error)(nil); !errors.Is(err, ErrNoController) || errors.Is(err, ErrGone) || m.UsageBytes != 0 || !errors.As(err, &e) || e.Fix != fixController {
		t.Errorf("without the controller: %+v, %v", m, err)
	}
	if _, err := g.Handle(); !errors.Is(err, ErrNoController) {
		t.Errorf("a handle without the controller: %v", err)
	}
	meanwhile := open()
	if m, err := meanwhile.Memory(); err != nil || meanwhile.Path.Name != "/c" {
		t.Errorf("opened without the controller: %v, %+v, %v", meanwhile.Path, m, err)
	}
	rename("off-", "")
	if m, err := g.Memory(); err != nil || m.UsageBytes == 0 {
		t.Errorf("with the controller again: %+v, %v", m, err)
	}
	if _, err := meanwhile.Memory(); !errors.Is(err, ErrGone) {
		t.Errorf("the ancestor, once the own cgroup accounts: %v, want ErrGone", err)
	}
	if again := open(); again.Path.Name != "/c/d" {
		t.Errorf("opened again: %v", again.Path)
	}
}

// A file put over a file of the cgroup must neither be read nor block us.
func TestFilesThatAreNot(t *testing.T) {
	for name, put := range map[string]func(string) error{
		"FIFO":      func(p string) error { return unix.Mkfifo(p, 0o600) },
		"link":      func(p string) error { return os.Symlink("/proc/self/environ", p) },
		"directory": func(p string) error { return os.Mkdir(p, 0o755) },
	} {
		g := group(t, 2, capture(t, "v2-linux6.1-oom"))
		file := filepath.Join(g.name, "memory.stat")
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if err := put(file); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Memory(); !errors.Is(err, ErrNotCgroup) {
			t.Errorf("%s: %v, want ErrNotCgroup", name, err)
		}
	}
}

func TestDescriptors(t *testing.T) {
	count := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	good := FS{Proc: "testdata/v2-linux6.1-host/proc", fixture: true}
	bad := plant(t, map[string]string{"7/cgroup": "0::/c/d\n", "7/mountinfo": mounted(mountV2, "/c"), cgroupDir + "d/": "", "self/mountinfo": otherFS,
		cgroupDir + "cgroup.controllers": "\n", cgroupDir + "cgroup.events": ""})
	use := func() {
		g, err := good.Open(103) // climbs one cgroup
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Memory(); err != nil {
			t.Fatal(err)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := bad.Open(7); !errors.Is(err, ErrNoController) { // climbs, then fails
			t.Fatal(err)
		}
	}
	use() // the library's own descriptors are open after this
	before := count()
	for range 20 {
		use()
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	g, err := good.Open(103)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if open := count(); open != before+1 {
		t.Errorf("an open group holds %d descriptors, want 1", open-before)
	}
	held := 0
	for range 3 {
		if _, err := g.Memory(); err != nil {
			t.Fatal(err)
		}
		open := count() - before
		if held == 0 {
			held = open // the files are kept open
		}
		if open != held || held < 5 {
			t.Errorf("a group that was read holds %d descriptors, then %d", held, open)
		}
	}
}

func TestConcurrentClose(t *testing.T) {
	g := group(t, 2, capture(t, "v2-linux6.1-oom"))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if m, err := g.Memory(); err != nil && !errors.Is(err, os.ErrClosed) || err == nil && m.UsageBytes == 0 {
					t.Error(m.UsageBytes, err)
				}
			}
		})
	}
	wg.Go(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	if _, err := g.Memory(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// group opens a cgroup of the given files.
func group(t *testing.T, version int, files map[string]string) *Group {
	t.Helper()
	root := map[int]string{1: "7/root/sys/fs/cgroup/memory/", 2: cgroupDir}[version]
	tree := map[string]string{"7/cgroup": "0::/c\n", "7/mountinfo": mounted(mountV2, "/c")}
	if version == 1 {
		tree = map[string]string{"7/cgroup": "4:memory:/c\n", "7/mountinfo": mounted(mountV1, "/c")}
	}
	for name, content := range files {
		tree[root+name] = content
	}
	tree[root+"cgroup.procs"] = "7\n"
	g, err := plant(t, tree).Open(7)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return g
}

// capture returns the files of a directory below testdata.
func capture(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(filepath.Join("testdata", dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join("testdata", dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(b)
	}
	return files
}

func BenchmarkMemory(b *testing.B) {
	g, err := FS{}.Open(os.Getpid())
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	b.Run("memory v"+strconv.Itoa(g.Path.Version), func(b *testing.B) {
		for b.Loop() {
			if _, err := g.Memory(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("events", func(b *testing.B) {
		for b.Loop() {
			if _, err := g.Events(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
