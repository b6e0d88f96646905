package jvmtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// PodProc is a folder that looks like /proc with only some of its processes, as a pod's
// PID namespace does: without the JVMs of other tests.
type PodProc struct {
	tb  testing.TB
	dir string
}

// NewPodProc returns a folder that shows what is in /proc besides processes, the test
// itself as self, and the processes given.
func NewPodProc(tb testing.TB, pids ...int) *PodProc {
	tb.Helper()
	p := &PodProc{tb, tb.TempDir()}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range entries {
		if strings.Trim(e.Name(), "0123456789") != "" {
			p.show(e.Name())
		}
	}
	p.Show(pids...)
	return p
}

// Dir is the path of the folder.
func (p *PodProc) Dir() string { return p.dir }

// Show adds processes. One that is already shown is no error.
func (p *PodProc) Show(pids ...int) {
	p.tb.Helper()
	for _, pid := range pids {
		p.show(strconv.Itoa(pid))
	}
}

// ShowCgroup adds all processes that are now in a cgroup.
func (p *PodProc) ShowCgroup(dir string) error {
	p.tb.Helper()
	pids, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return err
	}
	for pid := range strings.FieldsSeq(string(pids)) {
		p.show(pid)
	}
	return nil
}

func (p *PodProc) show(name string) {
	p.tb.Helper()
	err := os.Symlink(filepath.Join("/proc", name), filepath.Join(p.dir, name))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		p.tb.Fatal(err)
	}
}

// InPod runs the test again as the first process of a PID namespace with a /proc of its
// own, as in a pod. It returns true there, and false in the outer test once the inner one
// has passed. It needs root.
func InPod(t *testing.T) bool {
	t.Helper()
	const inside = "JVMEM_TEST_IN_POD"
	if os.Getenv(inside) != "" {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
			t.Fatal(err)
		}
		return true
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("in a PID namespace of its own (needs root): %v", err)
	}
	return false
}

// NewUnsignalled returns a Fake with all that is read of a JVM. It catches no SIGQUIT, so
// that it is never signalled: its PID is the test's.
func NewUnsignalled(tb testing.TB) *Fake {
	tb.Helper()
	f := NewFake(tb)
	f.SetStatus(Status{State: 'S', UID: os.Geteuid(), GID: os.Getegid()})
	f.write("mountinfo", "")
	f.write("smaps", "7f00-7f01 rw-p 00000000 00:00 0 \nRss: 4 kB\nAnonymous: 4 kB\n")
	return f
}

// PutPerf gives the fake a file of hsperfdata, and returns its path.
func (f *Fake) PutPerf(perf []byte) string {
	f.tb.Helper()
	path := filepath.Join(f.Tmp, "hsperfdata_app", strconv.Itoa(f.NSPID))
	f.must(errors.Join(os.Mkdir(filepath.Dir(path), 0o700), os.WriteFile(path, perf, 0o600)))
	info, err := os.Stat(path)
	f.must(err)
	f.SetMaps(fmt.Sprintf("7f00-7f01 r-xp 00000000 00:00 42    /usr/lib/jvm/lib/server/libjvm.so\n7f10-7f20 rw-s 00000000 fe:00 %d    /tmp/hsperfdata_app/%d\n", info.Sys().(*syscall.Stat_t).Ino, f.NSPID))
	return path
}
