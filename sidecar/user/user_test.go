package user

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestThread: a thread that examines a process has the user's credentials, no other thread
// has, and it has ended when that is over, whichever thread it was.
func TestThread(t *testing.T) {
	needRoot(t)
	const uid, gid = 10001, 10011
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 10 {
				var uids, gids string
				if err := as(uid, gid, func() { uids, gids = credentials(t, "/proc/thread-self/status") }); err != nil {
					t.Error(err)
				}
				if uids != "10001 10001 10001 10001" || gids != "10011 10011 10011 10011" {
					t.Errorf("the thread has UIDs %s, GIDs %s", uids, gids)
				}
			}
		})
	}
	wait.Wait()
	tasks, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(tasks) == 0 {
		t.Fatal(err)
	}
	for _, task := range tasks {
		if uids, _ := credentials(t, task); uids != "0 0 0 0" {
			t.Errorf("%s: UIDs %q", task, uids)
		}
	}
}

func credentials(t *testing.T, path string) (uids, gids string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "Uid":
			uids = strings.Join(strings.Fields(value), " ")
		case "Gid":
			gids = strings.Join(strings.Fields(value), " ")
		}
	}
	return uids, gids
}

// TestFind finds JVMs of two users, in the order of their start, and no other process. It
// changes no credentials of the test.
func TestFind(t *testing.T) {
	needRoot(t)
	var jvms []*jvmtest.JVM
	for _, uid := range []int{10002, 10001} {
		jvms = append(jvms, jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx32m"}, LimitBytes: 256 << 20, UID: uid, GID: uid + 10}))
	}
	procfs := jvmtest.NewPodProc(t, jvms[0].PID, jvms[1].PID, os.Getpid(), 1).Dir()
	if err := os.Chmod(filepath.Dir(procfs), 0o755); err != nil { // as /proc, for the other users
		t.Fatal(err)
	}
	before, err := Find(procfs, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(before.JVMs) != 2 || len(before.Locked) != 0 || before.JVMs[0].PID != jvms[0].PID || before.JVMs[0].User() != "10002:10012" || before.JVMs[1].User() != "10001:10011" {
		t.Fatalf("found %+v", before)
	}
	if j, ok := before.Choose(&Found{}); ok {
		t.Errorf("chosen at the first look: %+v", j)
	}
	first, ok := before.Choose(&before)
	if others := before.Others(first); !ok || !first.Same(before.JVMs[0]) || len(others) != 1 || !others[0].Same(before.JVMs[1]) {
		t.Errorf("chosen %+v, others %+v", first, before.Others(first))
	}
	only, err := Find(procfs, jvms[1].PID)
	if j, ok := only.Choose(nil); err != nil || !ok || j.PID != jvms[1].PID {
		t.Errorf("only process %d: %+v, %v", jvms[1].PID, only, err)
	}
	if none, err := Find(procfs, os.Getpid()); err != nil || !errors.Is(none.Why(), ErrNone) {
		t.Errorf("the test itself: %+v, %v", none, err)
	}
}

// TestChoose: a process that could not be verified is chosen only if it is root's, and if no
// JVM runs.
func TestChoose(t *testing.T) {
	jvm, root, nobody := JVM{PID: 1, UID: 1000, start: 30}, JVM{PID: 2, start: 10}, JVM{PID: 3, UID: 65534, start: 20}
	for _, tt := range []struct {
		found Found
		want  int // 0: none
	}{
		{Found{}, 0},
		{Found{JVMs: []JVM{jvm}, Locked: []JVM{root, nobody}}, 1},
		{Found{Locked: []JVM{nobody, root}}, 2},
		{Found{Locked: []JVM{nobody}}, 0},
	} {
		if j, ok := tt.found.Choose(&tt.found); ok != (tt.want != 0) || j.PID != tt.want {
			t.Errorf("%+v: chosen %+v", tt.found, j)
		}
	}
	restarted := jvm
	restarted.start++
	if j, ok := (&Found{JVMs: []JVM{restarted}}).Choose(&Found{JVMs: []JVM{jvm}}); ok {
		t.Errorf("another process of the same PID was chosen: %+v", j)
	}
}

func TestCapabilities(t *testing.T) {
	for text, want := range map[string]string{
		"CapInh:\t0000000000000000\nCapPrm:\t00000000000000c0\n": "SETGID, SETUID",
		"CapPrm:\t00000000a80425fb\n":                            "CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE, SETFCAP",
		"CapPrm:\t8000010000000000\n":                            "CHECKPOINT_RESTORE, 63",
		"CapPrm:\t0000000000000000\n":                            "",
		"CapPrm:\t\n":                                            "error",
		"CapPrm:\tz\n":                                           "error",
		"Name:\tjava\n":                                          "error",
	} {
		got, err := permitted([]byte(text))
		if is := fmt.Sprint(got); (err != nil) != (want == "error") || err == nil && is != want {
			t.Errorf("%q: %s, %v, want %s", text, is, err, want)
		}
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to run as other users")
	}
}
