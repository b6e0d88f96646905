package sidecar

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/eventlog"
	"github.com/jvmem/jvmem/sidecar/rows"
	"github.com/jvmem/jvmem/sidecar/sample"
)

// lines collects the logged lines.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// of returns the lines of a dataset.
func (l *lines) of(t *testing.T, dataset string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(l.text()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if event, ok := fields["event"].(map[string]any); ok && event["dataset"] == dataset {
			found = append(found, fields)
		}
	}
	return found
}

// served is a Serve that observes only the given JVMs.
type served struct {
	pid int // of the command
	url string
	log *lines
	end func()
}

func serveFor(t *testing.T, o ServeOptions, jvms ...*jvmtest.JVM) *served {
	t.Helper()
	pids := make([]int, len(jvms))
	for i, j := range jvms {
		pids[i] = j.PID
	}
	o.ContainerName = "app"
	return serveProc(t, jvmtest.NewPodProc(t, pids...).Dir(), o)
}

// serveProc serves what is in a folder like /proc.
func serveProc(t *testing.T, proc string, o ServeOptions) *served {
	t.Helper()
	s := startServe(t, proc, o)
	s.await(t, "the JVM is seen", func() bool { return strings.Contains(s.get(t, "/breakdown"), `"jvms"`) })
	return s
}

// startServe is serveProc that does not wait for a JVM.
func startServe(t *testing.T, proc string, o ServeOptions) *served {
	t.Helper()
	s := &served{log: &lines{}}
	o.Proc = proc
	o.Listen, o.LogInterval, o.Retention = "127.0.0.1:0", 0, time.Hour
	o.Log = eventlog.New(s.log, "test")
	address := make(chan string, 1)
	o.Listening = func(a net.Addr) { address <- a.String() }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, o) }()
	s.end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(s.end)
	s.url = "http://" + <-address
	return s
}

// startCommand runs the binary, with a command before it, beside JVMs that args name.
func startCommand(t *testing.T, before []string, args ...string) *served {
	t.Helper()
	address, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	command := slices.Concat(before, []string{buildBinary(t), "--listen", address, "--interval", "100ms", "--max-cpu", "0", "--log-interval", "0"}, args)
	serve := exec.Command(command[0], command[1:]...)
	s := &served{url: "http://" + address, log: &lines{}}
	serve.Stdout, serve.Stderr = s.log, s.log
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	s.pid = serve.Process.Pid
	s.end = func() {
		_ = serve.Process.Kill()
		_ = serve.Wait()
	}
	t.Cleanup(s.end)
	return s
}

func (s *served) get(t *testing.T, path string) string {
	t.Helper()
	client := http.Client{Timeout: 30 * time.Second}
	r, err := client.Get(s.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (s *served) await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 30 s\n%s", what, s.get(t, "/breakdown?format=text"))
		}
	}
}

// decode decodes a JSON document.
func (s *served) decode(t *testing.T, path string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.get(t, path)), to); err != nil {
		t.Fatal(err)
	}
}

func (s *served) autopsies(t *testing.T) []autopsy.Autopsy {
	t.Helper()
	var r autopsy.Report
	s.decode(t, "/oom", &r)
	return r.Autopsies
}

func (s *served) awaitAutopsy(t *testing.T) autopsy.Autopsy {
	t.Helper()
	s.await(t, "an autopsy", func() bool { return len(s.autopsies(t)) > 0 })
	return s.autopsies(t)[0]
}

// TestKillIsExplained: a JVM whose direct buffers grow is OOM killed between two
// samples that are far apart; the autopsy outlives jvmem.
func TestKillIsExplained(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	j := jvmtest.Start(t, jvmtest.Options{LimitBytes: 256 * mib, JVMFlags: []string{"-Xmx64m", "-XX:MaxDirectMemorySize=1g", "-XX:NativeMemoryTracking=summary"}})
	s := serveFor(t, ServeOptions{Interval: time.Minute, StateDir: state}, j)
	for range 40 {
		j.Do("direct 3")
		time.Sleep(20 * time.Millisecond)
	}
	s.await(t, "a sample of the growth, long before the interval ends", func() bool {
		var r breakdown.Report
		s.decode(t, "/breakdown", &r)
		native := r.Containers[0].Row(rows.Native)
		return native != nil && native.Bytes != nil && *native.Bytes > 60*mib
	})
	j.Send("direct 300")
	<-j.Exited()
	a := s.awaitAutopsy(t)
	if a.Kind != autopsy.OOMKill || a.Cause != rows.VerdictDirectBuffers || a.OOMKills == nil || *a.OOMKills != 1 || a.PID != j.PID {
		t.Errorf("%s, cause %s, %v kills, PID %d: %s", a.Kind, a.Cause, a.OOMKills, a.PID, a.Summary)
	}
	if a.Last == nil || a.LastAgeSeconds == nil || *a.LastAgeSeconds > 30 || a.Reading == nil || a.Before == nil || len(a.Before.Times) < 2 {
		t.Errorf("what was known before: age %v, level %v, history %+v", a.LastAgeSeconds, a.Reading, a.Before)
	}
	s.await(t, "the line about the kill", func() bool { return len(s.log.of(t, "jvmem.oom")) > 0 }) // it comes after the autopsy
	logged := s.log.of(t, "jvmem.oom")
	if len(logged) != 1 || logged[0]["log.level"] != "error" || !strings.Contains(logged[0]["message"].(string), "direct buffer leak") {
		t.Errorf("logged %v", logged)
	}
	s.end()
	again, err := autopsy.Open(state)
	if err != nil || len(again.Report().Autopsies) != 1 || again.Report().Autopsies[0].Summary != a.Summary {
		t.Errorf("after a restart of jvmem: %+v, %v", again.Report(), err)
	}
	if history, _ := filepath.Glob(filepath.Join(state, "history-*.jsonl")); len(history) == 0 {
		t.Error("no history was written")
	}
}

// TestOrdinaryEnds: an exit, a signal and a Java OutOfMemoryError are none of the
// kernel's.
func TestOrdinaryEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		flags []string
		end   func(*jvmtest.JVM)
		kind  autopsy.Kind
		cause rows.Verdict
	}{
		"exit":             {end: func(j *jvmtest.JVM) { j.Send("exit") }, kind: autopsy.Exit},
		"SIGKILL":          {end: func(j *jvmtest.JVM) { _ = j.Cmd.Process.Signal(os.Kill) }, kind: autopsy.Signal},
		"OutOfMemoryError": {flags: []string{"-XX:+ExitOnOutOfMemoryError"}, end: func(j *jvmtest.JVM) { j.Send("heap 200") }, kind: autopsy.JavaOutOfMemory, cause: rows.VerdictHeap},
	} {
		t.Run(name, func(t *testing.T) {
			j := jvmtest.Start(t, jvmtest.Options{LimitBytes: 512 * mib, JVMFlags: append(tt.flags, "-Xmx64m")})
			s := serveFor(t, ServeOptions{Interval: 100 * time.Millisecond}, j)
			tt.end(j)
			<-j.Exited()
			if a := s.awaitAutopsy(t); a.Kind != tt.kind || a.Cause != tt.cause {
				t.Errorf("%s, cause %q: %s", a.Kind, a.Cause, a.Summary)
			}
		})
	}
}

// TestEvidence: a pool that leaks is named, and the stacks of its threads are collected once.
func TestEvidence(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{LimitBytes: 512 * mib, JVMFlags: []string{"-Xmx64m", "-XX:NativeMemoryTracking=summary"}})
	s := serveFor(t, ServeOptions{Interval: 100 * time.Millisecond}, j)
	var d diagnosis.Report
	s.await(t, "the verdict", func() bool {
		j.Do("threads 1 100 leaky")
		d = diagnosis.Report{}
		if err := json.Unmarshal([]byte(s.get(t, "/diagnosis")), &d); err != nil {
			t.Error(err)
		}
		return len(d.Containers) == 1 && d.Containers[0].Verdict == rows.VerdictThreads
	})
	c := d.Containers[0]
	if c.Subject != "leaky-#" || c.Forecast == nil || c.Findings[0].Gathered == nil || !strings.Contains(strings.Join(c.Findings[0].Gathered.Text, "\n"), "java.lang.Thread.sleep") {
		t.Errorf("%+v", c)
	}
	s.await(t, "it is logged", func() bool { // when the verdict was given twice
		j.Do("threads 1 100 leaky")
		return len(s.log.of(t, "jvmem.diagnosis")) > 0
	})
	if text := s.get(t, "/breakdown?format=text"); !strings.Contains(text, "Diagnosis: thread leak (leaky-#)") {
		t.Errorf("the table does not end with the verdict:\n%s", text)
	}
	recorded := s.get(t, "/history")
	if !strings.Contains(recorded, `"jvmem.history/v1"`) || !strings.Contains(recorded, `"pool/leaky-#"`) {
		t.Errorf("history %.200s", recorded)
	}
}

// TestShortLives: JVMs in containers that follow each other, each of which ends as soon as
// it runs. The autopsies state name and limit of the container, the latter unless the JVM
// ended before anything of its cgroup was read.
func TestShortLives(t *testing.T) {
	if !jvmtest.InPod(t) {
		return
	}
	const lives, limit = 12, 256 * mib
	start := func() *jvmtest.JVM {
		return jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: limit})
	}
	first := start()
	s := serveProc(t, "/proc", ServeOptions{Options: sample.Options{ContainerName: "app"}, Interval: 100 * time.Millisecond})
	for j := first; len(s.autopsies(t)) < lives; j = start() {
		if err := syscall.Kill(j.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-j.Exited()
	}
	for _, a := range s.autopsies(t) {
		unread := a.Last == nil && a.Reading == nil && a.OOMKills == nil
		if a.ContainerName != "app" || a.LimitBytes == nil && !unread || a.LimitBytes != nil && *a.LimitBytes != limit {
			t.Errorf("name %q, limit %v: %s", a.ContainerName, a.LimitBytes, a.Summary)
		}
	}
}
