package jvmtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// PodProc returns a folder that shows some processes of /proc, and the test itself, as a
// pod's PID namespace does: not the JVMs of other tests.
func PodProc(tb testing.TB, pids ...int) string {
	tb.Helper()
	dir := tb.TempDir()
	names := []string{"self"}
	for _, pid := range pids {
		names = append(names, strconv.Itoa(pid))
	}
	for _, name := range names {
		if err := os.Symlink(filepath.Join("/proc", name), filepath.Join(dir, name)); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
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
