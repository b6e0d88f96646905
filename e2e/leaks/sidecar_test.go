package leaks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// readyTimeout is how long the first sample may take.
const readyTimeout = 30 * time.Second

// sidecar is a running jvmem serve that sees the processes of one cgroup.
type sidecar struct {
	url    string
	cgroup string
	view   string // folder that it takes for /proc
	client *http.Client
}

// startSidecar returns when the first sample has been taken.
func startSidecar(ctx context.Context, t *testing.T, cgroup string) *sidecar {
	t.Helper()
	s := &sidecar{cgroup: cgroup, view: t.TempDir(), client: &http.Client{Timeout: 10 * time.Second}}
	// What is of no process is seen as it is.
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Trim(e.Name(), "0123456789") != "" {
			s.link(t, e.Name())
		}
	}
	s.look(t)
	address := freeAddress(t)
	s.url = "http://" + address
	var said output
	cmd := exec.CommandContext(ctx, *binary, "serve", "--listen", address, "--interval", interval.String(), "--max-cpu", "0", "--container-name", "app",
		"--proc", s.view, "--log-interval", "0")
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("jvmem ended with %v", err)
		}
		if t.Failed() {
			t.Logf("jvmem said:\n%s", said.tail())
		}
	})
	for end := time.Now().Add(readyTimeout); ; time.Sleep(20 * time.Millisecond) {
		_, err := s.get("/readyz")
		if err == nil {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("jvmem is not ready: %v", err)
		}
	}
}

// look puts in sight what has come into the cgroup.
func (s *sidecar) look(t *testing.T) {
	t.Helper()
	pids, err := os.ReadFile(filepath.Join(s.cgroup, "cgroup.procs"))
	if err != nil {
		t.Fatal(err)
	}
	for pid := range strings.FieldsSeq(string(pids)) {
		s.link(t, pid)
	}
}

func (s *sidecar) link(t *testing.T, name string) {
	t.Helper()
	if err := os.Symlink(filepath.Join("/proc", name), filepath.Join(s.view, name)); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
}

func (s *sidecar) get(path string) ([]byte, error) {
	response, err := s.client.Get(s.url + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %.200s", path, response.Status, body)
	}
	return body, err
}

// fetch decodes an answer.
func (s *sidecar) fetch(path string, to any) error {
	body, err := s.get(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, to); err != nil {
		return fmt.Errorf("GET %s: %w: %.200s", path, err, body)
	}
	return nil
}

// freeAddress returns an address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// output keeps what a process says.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := o.buf.String()
	return text[max(0, len(text)-4000):]
}
