package e2e

import (
	"bufio"
	"context"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	startTimeout = 30 * time.Second
	replyTimeout = 60 * time.Second
)

// workload speaks to Workload.java in a container: see package jvmtest for its
// commands.
type workload struct {
	t       *testing.T
	id      string // of the container
	stdin   io.WriteCloser
	replies chan string

	mu    sync.Mutex
	other []string // lines that are no replies
}

// startWorkload starts a container that was made, and returns when the workload
// listens.
func startWorkload(t *testing.T, id string) *workload {
	t.Helper()
	w := &workload{t: t, id: id, replies: make(chan string, 1)}
	cmd := daemon.Command(context.Background(), "start", "--attach", "--interactive", id)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	read, write := io.Pipe()
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.stdin = stdin
	done := make(chan struct{})
	go w.listen(read)
	go func() {
		_ = cmd.Wait() // how the JVM ended is in what the test misses
		_ = write.Close()
		close(done)
	}()
	t.Cleanup(func() { end(cmd, done) })
	if reply := w.await("the start", startTimeout); reply != "READY" {
		t.Fatalf("the workload began with %q", reply)
	}
	return w
}

// end ends the docker command; the container is removed by who made it.
func end(cmd *exec.Cmd, done <-chan struct{}) {
	_ = cmd.Process.Kill() // ended already is fine
	<-done
}

// listen passes the replies on until the JVM has ended.
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
	close(w.replies)
}

// do sends a command and returns its reply.
func (w *workload) do(command string) string {
	w.t.Helper()
	if _, err := io.WriteString(w.stdin, command+"\n"); err != nil {
		w.t.Fatalf("send %q: %v\n%s", command, err, w.said())
	}
	reply := w.await(command, replyTimeout)
	if !strings.HasPrefix(reply, "OK ") {
		w.t.Fatalf("%s\n%s", reply, w.said())
	}
	return reply
}

func (w *workload) await(what string, timeout time.Duration) string {
	w.t.Helper()
	select {
	case reply, ok := <-w.replies:
		if !ok {
			w.t.Fatalf("%s: the JVM ended\n%s", what, w.said())
		}
		return reply
	case <-time.After(timeout):
		w.t.Fatalf("%s: no reply within %v\n%s", what, timeout, w.said())
		return ""
	}
}

// said returns what the JVM said beside its replies, on both streams: nothing,
// if all is well.
func (w *workload) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.other, "\n")
}
