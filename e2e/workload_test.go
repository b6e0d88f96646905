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
	// user is the JVM's and, as recommended, the sidecar's.
	user = "10001:10001"
	// A JVM starts in 0.3 s, and in 10 s in a guest whose CPU is emulated.
	startTimeout = 120 * time.Second
	replyTimeout = 180 * time.Second
)

// jvmOptions say how the JVM's container runs.
type jvmOptions struct {
	name  string   // of the container; "" is app
	jdk   string   // in *jdkDir
	flags []string // of the JVM
	env   []string
	user  string // "" is user
	limit int64  // 0 is limitBytes
	root  bool   // with the engine's default capabilities
	noTmp bool   // nothing in /tmp can be written
	// program replaces java; it is given the JVM's flags.
	program []string
	// again starts another JVM in the container when one has ended.
	again bool
}

// workload speaks to the workload in a container by two FIFOs: see package
// jvmtest for its commands.
type workload struct {
	t       *testing.T
	pod     *aPod
	id      string // of the container
	name    string // of the container
	user    string
	tmp     string // its /tmp on the host; "" if there is none
	stdin   *os.File
	replies chan string

	killed bool // by the test, or by the kernel because of it
	gone   bool // its container was removed

	mu    sync.Mutex
	other []string // lines that are no replies
}

// startJVM starts the workload in a container of a pod and returns when it
// listens.
func (p *aPod) startJVM(o jvmOptions) *workload {
	p.t.Helper()
	data := folder(p.t, p.engine)
	// The kernel opens a FIFO for another user only where that one may not make files.
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

// awaitReady returns when the workload listens.
func (w *workload) awaitReady() {
	w.t.Helper()
	if reply := w.await("the start", startTimeout); reply != "READY" {
		w.t.Fatalf("the workload began with %q", reply)
	}
}

// openFIFO makes a FIFO that every user may open. To have it open for both
// directions means that neither side waits for the other, nor sees an end.
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

// makeShared makes a folder that every user may write to.
func makeShared(t *testing.T, path string) string {
	t.Helper()
	makeFolder(t, path, 0o755)
	if err := os.Chmod(path, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return path
}

// listen passes the replies on until the FIFO is closed.
func (w *workload) listen(output io.Reader) {
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "READY" || strings.HasPrefix(line, "OK ") || strings.HasPrefix(line, "ERR ") {
			w.replies <- line
			continue
		}
		if strings.HasPrefix(line, "WARNING: ") { // JDK 24 and newer complain of sun.misc.Unsafe
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
		w.t.Fatalf("%s\n%s", reply, w.said())
	}
	return reply
}

// send sends a command that is not answered.
func (w *workload) send(command string) {
	w.t.Helper()
	if _, err := w.stdin.WriteString(command + "\n"); err != nil {
		w.t.Fatalf("send %q: %v\n%s", command, err, w.said())
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
			w.t.Fatalf("%s: the JVM ended: %+v %v\n%s\n%s%s", what, state, err, w.said(), stdout, stderr)
		}
	}
	w.t.Fatalf("%s: no reply within %v\n%s", what, timeout, w.said())
	return ""
}

// said returns what the JVM said beside its replies, on both streams: nothing,
// if all is well.
func (w *workload) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.other, "\n")
}

// kill ends the JVM's container.
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

// end checks that the JVM lives, that it was never made to print a thread dump,
// and that the sidecar left no trigger file behind. Then it removes the container.
func (w *workload) end() {
	if w.gone {
		return
	}
	ctx := context.Background() // the test's own has ended by now
	if state, err := w.pod.engine.State(ctx, w.id); err != nil || !state.Running && !w.killed {
		w.t.Errorf("the JVM does not run any more: %+v %v", state, err)
	}
	if said := w.said(); said != "" {
		w.t.Errorf("the JVM said:\n%.2000s", said)
	}
	if left, _ := filepath.Glob(filepath.Join(w.tmp, ".attach_pid*")); w.tmp != "" && len(left) > 0 {
		w.t.Errorf("left behind: %v", left)
	}
	if err := w.pod.engine.Remove(ctx, w.id); err != nil {
		w.t.Error(err)
	}
}
