package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/pod"
)

// kill is a way to fill the memory. The command is repeated until the OOM kill.
type kill struct {
	command string // %d is the size in MiB, %s a new name
	cause   string
	flags   []string
}

var kills = []kill{
	{"direct %d", "direct_buffers", nil},
	{"jni %d", "native_untracked", nil},
	{"heap %d", "budget", []string{"-Xms64m", "-Xmx4g"}}, // a heap reaches the limit only if its maximum does not fit
	{"threads %d 960 leak-%s", "threads", nil},
	{"bigclasses %d", "class_loader", nil}, // 0.4 MiB each
}

// pace is how fast memory is filled.
type pace struct {
	name  string
	mib   int
	pause time.Duration
	times int // in a run that is not full
}

const (
	// fullKills is the number of kills of each pace in a full run.
	fullKills = 20
	// killLimit of the container leaves 250 MiB to fill.
	killLimit = 384 * mib
)

var (
	fast = pace{"fast", 25, 50 * time.Millisecond, 5} // at most 500 MB/s
	slow = pace{"slow", 5, 250 * time.Millisecond, 2}
)

// testKills fills the memory of JVMs, one after the other in a pod, until the OOM kill, and
// checks the autopsy of each.
func testKills(t *testing.T, e engine, jdk string, p pace, times int) []string {
	podOf := startPod(t, e, pod.Options{})
	s := podOf.startSidecar(user)
	caught, oldest := 0, 0.0
	for i := range times {
		k := kills[i%len(kills)]
		w := podOf.startJVM(jvmOptions{jdk: jdk, limit: killLimit, flags: slices.Concat(
			[]string{"-XX:NativeMemoryTracking=summary", "-Xmx128m", "-XX:MaxDirectMemorySize=4g"}, k.flags)})
		s.awaitJVMs(w)
		if i > 0 {
			s.awaitRestart()
		}
		w.pinFiles()
		w.fill(k, p)
		a := s.awaitAutopsy(w.id)
		if a.Kind != "oom_kill" || a.Cause != k.cause || a.OOMKills != nil && *a.OOMKills < 1 {
			t.Errorf("kill %d by %q: %s, cause %s, want %s: %s", i, k.command, a.Kind, a.Cause, k.cause, a.Summary)
			continue
		}
		if a.Last == nil || a.LastAgeSeconds == nil {
			t.Errorf("kill %d by %q: the autopsy lacks the last breakdown: %s", i, k.command, a.Summary)
			continue
		}
		caught++
		oldest = max(oldest, *a.LastAgeSeconds)
		if err := podOf.engine.Remove(t.Context(), w.id); err != nil {
			t.Error(err)
		}
		w.gone = true
	}
	return []string{fmt.Sprintf("%d of %d %s kills have an autopsy that names the cause; the oldest last breakdown was %.2f s old", caught, times, p.name, oldest)}
}

// pinFiles locks the mapped files of the container's processes in memory. Otherwise the
// kernel reclaims the code of the JVM over and over, which was seen to delay the OOM kill
// by three minutes.
func (w *workload) pinFiles() {
	w.t.Helper()
	dir, err := w.pod.engine.CgroupDir(w.t.Context(), w.id)
	if err != nil {
		w.t.Fatal(err)
	}
	processes, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		w.t.Fatal(err)
	}
	pinned := make(map[[2]uint64]bool) // by device and inode
	for _, pid := range strings.Fields(string(processes)) {
		mapped, err := filepath.Glob("/proc/" + pid + "/map_files/*")
		if err != nil || len(mapped) == 0 {
			w.t.Fatalf("process %s has mapped no file: %v", pid, err)
		}
		for _, path := range mapped {
			w.pin(path, pinned)
		}
	}
}

func (w *workload) pin(path string, pinned map[[2]uint64]bool) {
	w.t.Helper()
	file, err := os.Open(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer file.Close()
	var info syscall.Stat_t
	if err := syscall.Fstat(int(file.Fd()), &info); err != nil {
		w.t.Fatal(err)
	}
	key := [2]uint64{info.Dev, info.Ino}
	if pinned[key] || info.Mode&syscall.S_IFMT != syscall.S_IFREG || info.Size == 0 {
		return
	}
	pinned[key] = true
	pages, err := syscall.Mmap(int(file.Fd()), 0, int(info.Size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err == nil {
		w.t.Cleanup(func() { _ = syscall.Munmap(pages) })
		err = syscall.Mlock(pages)
	}
	if err != nil {
		w.t.Fatalf("lock %s in memory: %v", path, err)
	}
}

// fill repeats the command until the JVM is killed.
func (w *workload) fill(k kill, p pace) {
	w.t.Helper()
	w.killed = true
	for i := 0; ; i++ {
		command := fmt.Sprintf(k.command, args(k.command, p.mib, fmt.Sprintf("f%d", i))...)
		w.send(command)
		reply, killed := w.replyOrEnd(command)
		if killed {
			return
		}
		if !strings.HasPrefix(reply, "OK ") {
			w.t.Fatalf("%s: %s", command, reply)
		}
		time.Sleep(p.pause)
	}
}

// replyOrEnd waits for a reply or the exit of the JVM.
func (w *workload) replyOrEnd(command string) (reply string, ended bool) {
	w.t.Helper()
	for end := time.Now().Add(replyTimeout); time.Now().Before(end); {
		select {
		case reply := <-w.replies:
			return reply, false
		case <-time.After(500 * time.Millisecond):
		}
		state, err := w.pod.engine.State(w.t.Context(), w.id)
		if err != nil {
			w.t.Fatal(err)
		}
		if !state.Running {
			return "", true
		}
	}
	w.t.Fatalf("%s: no reply, and no OOM kill", command)
	return "", false
}

// args returns the size and the name in the order of the verbs of the command.
func args(command string, size int, name string) []any {
	var all []any
	for i := range len(command) - 1 {
		switch command[i : i+2] {
		case "%d":
			all = append(all, size)
		case "%s":
			all = append(all, name)
		}
	}
	return all
}
