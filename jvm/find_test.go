package jvm

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestFindLibrary(t *testing.T) {
	for _, path := range glob(t, "testdata/jdk*/g1/maps.txt.gz", 8) {
		text := read(t, path)
		var want *Library
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) == 6 && strings.HasSuffix(fields[5], "/server/libjvm.so") && fields[2] == "00000000" {
				start, _, _ := strings.Cut(fields[0], "-")
				base, err := strconv.ParseUint(start, 16, 64)
				if err != nil {
					t.Fatal(err)
				}
				inode, err := strconv.ParseUint(fields[4], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				want = &Library{Path: fields[5], Base: base, Inode: inode}
			}
		}
		got, err := findLibrary(bytes.NewReader(text))
		if err != nil || want == nil || *got != *want {
			t.Errorf("%s: %+v, %v; want %+v", path, got, err, want)
		}
	}
	const jvm = "7f00-7f10 r--p 00000000 fe:00 42  "
	for name, tt := range map[string]struct {
		maps string
		want *Library
	}{
		"deleted by an update":  {jvm + "/jdk/lib/server/libjvm.so (deleted)\n", &Library{"/jdk/lib/server/libjvm.so", 0x7f00, 42}},
		"a folder with a space": {jvm + "/my jdk/libjvm.so\n", &Library{"/my jdk/libjvm.so", 0x7f00, 42}},
		"a later part lies lower": {
			"7e00-7e10 r-xp 00256000 fe:00 42 /jdk/libjvm.so\n" + jvm + "/jdk/libjvm.so\n7f10-7f20 r-xp 00010000 fe:00 42 /jdk/libjvm.so\n",
			&Library{"/jdk/libjvm.so", 0x7f00, 42}},
		"only a name like it": {jvm + "/jdk/libjvm.so.bak\n" + jvm + "/libjvm.so/x\n" + jvm + "[anon:libjvm.so]\n", nil},
		"OpenJ9":              {jvm + "/jdk/lib/default/libj9vm29.so\n8000-8010 r--p 00000000 fe:00 43 /jdk/lib/server/libjvm.so\n", nil},
		"OpenJ9, above":       {jvm + "/jdk/lib/server/libjvm.so\n8000-8010 r--p 00000000 fe:00 43 /jdk/lib/default/libj9vm29.so\n", nil},
		"no files":            {"7f00-7f10 rw-p 00000000 00:00 0 \n7f10-7f20 rw-p 00000000 00:00 0 [heap]\n", nil},
	} {
		got, err := findLibrary(strings.NewReader(tt.maps))
		switch {
		case tt.want == nil && !errors.Is(err, ErrNotJVM):
			t.Errorf("%s: %+v, %v; want ErrNotJVM", name, got, err)
		case tt.want != nil && (err != nil || *got != *tt.want):
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, tt.want)
		}
	}
	if got, err := findLibrary(strings.NewReader("")); !errors.Is(err, ErrGone) {
		t.Errorf("no mappings at all: %+v, %v; want ErrGone", got, err)
	}
	for _, maps := range []string{"/libjvm.so\n", "x-y r--p 00000000 fe:00 42 /libjvm.so\n", "7f00-7f10 r--p 00000000 fe:00 x /libjvm.so\n"} {
		if got, err := findLibrary(strings.NewReader(maps)); err == nil || errors.Is(err, ErrNotJVM) {
			t.Errorf("%q: %+v, %v", maps, got, err)
		}
	}
}

// freePID returns the PID of a process that ended.
func freePID(t *testing.T) int {
	t.Helper()
	c := exec.Command("true")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	return c.Process.Pid
}

// sleep starts a process that is no JVM.
func sleep(t *testing.T) *exec.Cmd {
	t.Helper()
	c := exec.Command("sleep", "600")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.Process.Kill(), c.Wait() })
	return c
}

func TestOpenRefuses(t *testing.T) {
	alive, dead := sleep(t), sleep(t)
	if err := dead.Process.Kill(); err != nil { // not waited for: a zombie
		t.Fatal(err)
	}
	awaitZombie(t, dead.Process.Pid)
	for name, tt := range map[string]struct {
		pid  int
		want error
	}{
		"sleep": {alive.Process.Pid, ErrNotJVM}, "a zombie": {dead.Process.Pid, ErrNotJVM}, "this test": {os.Getpid(), ErrNotJVM},
		"a free PID": {freePID(t), ErrGone}, "no PID": {-1, ErrGone},
	} {
		if p, err := Open("/proc", tt.pid); !errors.Is(err, tt.want) {
			t.Errorf("%s: %+v, %v; want %v", name, p, err, tt.want)
		}
	}
	if _, err := readTmpfs("/proc", dead.Process.Pid); !errors.Is(err, ErrGone) {
		t.Errorf("mounts of a zombie: %v", err)
	}
	pids, err := PIDs(t.Context(), "/proc")
	if err != nil || !slices.Contains(pids, os.Getpid()) || !slices.Contains(pids, alive.Process.Pid) {
		t.Errorf("PIDs: %v, %v", pids, err)
	}
	if pids, err := PIDs(t.Context(), t.TempDir()+"/none"); err == nil {
		t.Errorf("no proc file system: %v", pids)
	}
}

func awaitZombie(t *testing.T, pid int) {
	t.Helper()
	for range 1000 {
		s, err := ReadStatus("/proc", pid)
		if err != nil {
			t.Fatal(err)
		}
		if s.State == 'Z' {
			return
		}
		pause()
	}
	t.Fatal("the process does not end")
}
