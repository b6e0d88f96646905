package e2e

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/pod"
)

const (
	mib        = 1 << 20
	limitBytes = 768 * mib
	// user is the user of the JVM and, as recommended, of the sidecar.
	user = "10001:10001"
	// A JVM starts in 0.3 s, in a guest in 10 s.
	startTimeout = 120 * time.Second
	replyTimeout = 180 * time.Second
)

// jvmOptions configure the JVM's container.
type jvmOptions struct {
	name  string   // of the container; "" is app
	jdk   string   // in *jdkDir
	flags []string // of the JVM
	env   []string
	user  string // "" is user
	limit int64  // 0 is limitBytes
	root  bool   // with the default capabilities of the engine
	noTmp bool   // /tmp is not writable
	// program replaces java; the JVM's flags are its arguments.
	program []string
	// again starts another JVM in the container when one has exited.
	again bool
}

// workload controls the workload in a container through two FIFOs. Package jvmtest
// documents its commands.
type workload struct {
	t       *testing.T
	pod     *aPod
	id      string // of the container
	name    string // of the container
	user    string
	tmp     string // its /tmp on the host; "" if there is none
	stdin   *os.File
	replies chan string

	killed bool // by the test, or by an OOM kill that it caused
	gone   bool // its container is removed

	mu    sync.Mutex
	other []string // lines that are not replies
}

// startJVM starts the workload in a container of a pod and returns when it accepts commands.
func (p *aPod) startJVM(o jvmOptions) *workload {
	p.t.Helper()
	data := folder(p.t, p.engine)
	// Another user can open a FIFO only in a folder in which it cannot create files (fs.protected_fifos).
	ctl := makeFolder(p.t, filepath.Join(data, "ctl"), 0o755)
	if o.name == "" {
		o.name = "app"
	}
	if o.user == "" {
		o.user = user
	}
	if o.limit == 0 {
		o.limit = limitBytes
	}
	if o.program == nil {
		o.program = []string{jdkPath + "/bin/java"}
	}
	c := pod.Container{
		Name: o.name, Image: jvmImage, User: o.user, Env: o.env, LimitBytes: o.limit,
		Mounts: []pod.Mount{
			{Source: filepath.Join(*jdkDir, o.jdk), Target: jdkPath, ReadOnly: true},
			{Source: *appDir, Target: appPath, ReadOnly: true},
			{Source: makeShared(p.t, filepath.Join(data, "data")), Target: "/data"},
			{Source: ctl, Target: "/ctl", ReadOnly: true},
		},
	}
	if !o.root {
		c.Drop = []string{"ALL"}
	}
	w := &workload{t: p.t, pod: p, name: o.name, user: o.user, replies: make(chan string, 1)}
	if !o.noTmp {
		w.tmp = makeShared(p.t, filepath.Join(data, "tmp"))
		c.Mounts = append(c.Mounts, pod.Mount{Source: w.tmp, Target: "/tmp"})
	}
	run := `exec "$@" </ctl/in >/ctl/out 2>&1`
	if o.again {
		run = `while :; do "$@" </ctl/in >/ctl/out 2>&1; done`
	}
	c.Command = slices.Concat([]string{"/bin/sh", "-c", run, "sh"}, o.program, o.flags,
		[]string{"-Djvmem.library=" + appPath + "/libworkload.so", "-cp", appPath, "Workload"})
	w.stdin = openFIFO(p.t, filepath.Join(ctl, "in"))
	stdout := openFIFO(p.t, filepath.Join(ctl, "out"))
	go w.listen(stdout)
	w.id = p.start(c)
	p.t.Cleanup(func() { w.end() })
	w.awaitReady()
	return w
}

// awaitReady returns when the workload accepts commands.
func (w *workload) awaitReady() {
	w.t.Helper()
	if reply := w.await("the start", startTimeout); reply != "READY" {
		w.t.Fatalf("the first line of the workload is %q", reply)
	}
}

// openFIFO creates a FIFO that every user can open. It is open for both directions, so
// neither side waits for the other or reads an end of file.
func openFIFO(t *testing.T, path string) *os.File {
	t.Helper()
	err := syscall.Mkfifo(path, 0o600)
	if err == nil {
		err = os.Chmod(path, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

// makeShared creates a folder that every user can write to.
func makeShared(t *testing.T, path string) string {
	t.Helper()
	makeFolder(t, path, 0o755)
	if err := os.Chmod(path, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return path
}

// listen forwards the replies until the FIFO is closed.
func (w *workload) listen(output io.Reader) {
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "READY" || strings.HasPrefix(line, "OK ") || strings.HasPrefix(line, "ERR ") {
			w.replies <- line
			continue
		}
		if strings.HasPrefix(line, "WARNING: ") { // JDK 24 and newer warn about sun.misc.Unsafe
			continue
		}
		w.mu.Lock()
		w.other = append(w.other, line)
		w.mu.Unlock()
	}
}

// do sends a command and returns its reply.
func (w *workload) do(command string) string {
	w.t.Helper()
	w.send(command)
	reply := w.await(command, replyTimeout)
	if !strings.HasPrefix(reply, "OK ") {
		w.t.Fatalf("%s\n%s", reply, w.output())
	}
	return reply
}

// send sends a command and does not wait for a reply.
func (w *workload) send(command string) {
	w.t.Helper()
	if _, err := w.stdin.WriteString(command + "\n"); err != nil {
		w.t.Fatalf("send %q: %v\n%s", command, err, w.output())
	}
}

func (w *workload) await(what string, timeout time.Duration) string {
	w.t.Helper()
	for end := time.Now().Add(timeout); time.Now().Before(end); {
		select {
		case reply := <-w.replies:
			return reply
		case <-time.After(time.Second):
		}
		if state, err := w.pod.engine.State(w.t.Context(), w.id); err != nil || !state.Running {
			stdout, stderr, _ := w.pod.engine.Logs(w.t.Context(), w.id)
			w.t.Fatalf("%s: the JVM exited: %+v %v\n%s\n%s%s", what, state, err, w.output(), stdout, stderr)
		}
	}
	w.t.Fatalf("%s: no reply within %v\n%s", what, timeout, w.output())
	return ""
}

// output returns the output of the JVM that is not a reply; none is expected.
func (w *workload) output() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.other, "\n")
}

// kill kills the JVM's container.
func (w *workload) kill() {
	w.t.Helper()
	w.killed = true
	if err := w.pod.engine.Kill(w.t.Context(), w.id); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.pod.engine.Wait(w.t.Context(), w.id); err != nil {
		w.t.Fatal(err)
	}
}

// end checks that the JVM is running, that it printed no thread dump, and that the sidecar
// left no trigger file. Then it removes the container.
func (w *workload) end() {
	if w.gone {
		return
	}
	ctx := context.Background() // the context of the test has ended by now
	if state, err := w.pod.engine.State(ctx, w.id); err != nil || !state.Running && !w.killed {
		w.t.Errorf("the JVM is not running: %+v %v", state, err)
	}
	if output := w.output(); output != "" {
		w.t.Errorf("the JVM printed:\n%.2000s", output)
	}
	if left, _ := filepath.Glob(filepath.Join(w.tmp, ".attach_pid*")); w.tmp != "" && len(left) > 0 {
		w.t.Errorf("trigger files remain: %v", left)
	}
	if err := w.pod.engine.Remove(ctx, w.id); err != nil {
		w.t.Error(err)
	}
}
