package attach

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// javas returns the java of each JDK on this machine.
func javas(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("/usr/lib/jvm/*/bin/java")
	if err != nil {
		t.Fatal(err)
	}
	if path, err := exec.LookPath("java"); err == nil {
		names = append(names, path)
	}
	var found []string
	seen := map[string]bool{}
	for _, name := range names {
		if real, err := filepath.EvalSymlinks(name); err == nil && !seen[real] {
			seen[real] = true
			found = append(found, real)
		}
	}
	if len(found) == 0 {
		t.Fatal("these tests need a JDK: apt-get install default-jdk-headless")
	}
	return found
}

// eachJDK runs f for each JDK.
func eachJDK(t *testing.T, f func(t *testing.T, java string)) {
	for _, java := range javas(t) {
		t.Run(filepath.Base(filepath.Dir(filepath.Dir(java))), func(t *testing.T) { f(t, java) })
	}
}

// child is a running process whose output is kept.
type child struct {
	pid    int
	exited chan struct{}
	mu     sync.Mutex
	output bytes.Buffer
	dir    string
}

func (p *child) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.Write(b)
}

func (p *child) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// start runs a process as uid in a directory of its own.
func start(t *testing.T, uid int, name string, args ...string) *child {
	t.Helper()
	p := &child{exited: make(chan struct{}), dir: t.TempDir()}
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, p, p
	cmd.Env = append(os.Environ(), "ATTACH_HELPER=sleep")
	if uid != os.Geteuid() {
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	if _, err := cmd.StdinPipe(); err != nil { // the workload ends with its input
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.pid = cmd.Process.Pid
	go func() {
		_ = cmd.Wait() // how it ended is in the output
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.exited
		_ = os.Remove(fmt.Sprintf("/tmp/.java_pid%d", p.pid)) // a killed JVM leaves it
	})
	return p
}

func startJVM(t *testing.T, uid int, java string, flags ...string) *child {
	t.Helper()
	args := append([]string{"-Xmx32m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jvmtest.Classes(t, java)}, flags...)
	return start(t, uid, java, append(args, "Workload")...)
}

func (p *child) awaitReady(t *testing.T) *child {
	t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(p.said(), "READY"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the JVM did not start: %s", p.said())
		}
	}
	return p
}

// wantAlive waits until a signal would have killed the process, and checks it.
func (p *child) wantAlive(t *testing.T) {
	t.Helper()
	select {
	case <-p.exited:
		t.Fatalf("the process ended: %s", p.said())
	case <-time.After(50 * time.Millisecond):
	}
}

// wantQuiet says that no SIGQUIT was answered with a thread dump and nothing is left.
func (p *child) wantQuiet(t *testing.T) {
	t.Helper()
	p.wantAlive(t)
	if said := p.said(); strings.TrimSpace(said) != "READY" {
		t.Errorf("the JVM printed %.300q", said)
	}
	for _, dir := range []string{p.dir, "/tmp", "/"} {
		if _, err := os.Lstat(filepath.Join(dir, fmt.Sprintf(".attach_pid%d", p.pid))); err == nil {
			t.Errorf("a trigger file is left in %s", dir)
		}
	}
}

// patience replaces the default timeouts, which a JVM on a busy machine can exceed.
const patience = time.Minute

// client returns one with the timeouts given, and patience for the others.
func (p *child) client(o Options) *Client {
	o.Timeout, o.AttachTimeout, o.SlowTimeout = cmp.Or(o.Timeout, patience), cmp.Or(o.AttachTimeout, patience), cmp.Or(o.SlowTimeout, patience)
	return New(Target{PID: p.pid}, o)
}

// TestHelper is the other process of the live tests: it sleeps, or attaches
// to the PID given.
func TestHelper(t *testing.T) {
	switch task := os.Getenv("ATTACH_HELPER"); task {
	case "":
	case "sleep":
		fmt.Println("READY")
		time.Sleep(time.Minute)
	default:
		pid, err := strconv.Atoi(task)
		if err != nil {
			t.Fatal(err)
		}
		got, err := (&child{pid: pid}).client(Options{}).Do(t.Context(), VMVersion)
		var e *Error
		if errors.As(err, &e) {
			fmt.Println("reason", e.Reason, "fix", e.Fix)
			return
		}
		fmt.Println("code", got.Code, got.Text[strings.Index(got.Text, "JDK"):])
	}
}
