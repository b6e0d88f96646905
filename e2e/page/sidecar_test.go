package page

import (
	"encoding/json"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/history"
)

var binary = flag.String("jvmem", "", "the binary under test")

// sidecar is a jvmem that observes the processes that its /proc has.
type sidecar struct {
	t     *testing.T
	url   string
	proc  string
	flags []string
	cmd   *exec.Cmd
}

func startSidecar(t *testing.T, flags ...string) *sidecar {
	t.Helper()
	if *binary == "" {
		t.Fatal("which jvmem? `make e2e-page` builds one and tells")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	s := &sidecar{t: t, url: "http://" + address, proc: t.TempDir()}
	s.flags = append([]string{"serve", "--listen", address, "--interval", "200ms", "--max-cpu", "0", "--log-interval", "0", "--container-name", "app",
		"--pod-name", "orders-7c9f6b5d4-x2x7q", "--pod-namespace", "shop", "--proc", s.proc}, flags...)
	s.see("self")
	t.Cleanup(s.stop)
	s.start()
	return s
}

// see puts a process in sight.
func (s *sidecar) see(names ...string) {
	s.t.Helper()
	for _, name := range names {
		if err := os.Symlink(filepath.Join("/proc", name), filepath.Join(s.proc, name)); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *sidecar) start() {
	s.t.Helper()
	s.cmd = exec.Command(*binary, s.flags...)
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r, err := http.Get(s.url + "/readyz")
		if err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(end) {
			s.t.Fatal("jvmem is not ready within 30 s")
		}
	}
}

func (s *sidecar) stop() {
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

func (s *sidecar) get(path string, into any) {
	s.t.Helper()
	r, err := http.Get(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		s.t.Fatalf("%s: %v: %.200s", path, err, text)
	}
}

// at returns what /history tells of the sample at a time.
func (s *sidecar) at(at time.Time) map[string]int64 {
	s.t.Helper()
	var d history.Document
	s.get("/history", &d)
	for _, c := range d.Containers {
		for _, track := range c.Tracks {
			for i, time := range track.Times {
				if time != at.UnixMilli() {
					continue
				}
				values := make(map[string]int64)
				for name, column := range track.Series {
					values[name] = column.At(i).Last
				}
				return values
			}
		}
	}
	s.t.Fatalf("/history has no sample at %s", at)
	return nil
}

// startJVM starts a JVM in sight.
func startJVM(t *testing.T, s *sidecar, limit int64, flags ...string) *jvmtest.JVM {
	t.Helper()
	flags = append([]string{"-XX:+UseG1GC", "-Xmx160m", "-XX:MaxDirectMemorySize=1g", "-XX:NativeMemoryTracking=summary"}, flags...)
	j := jvmtest.Start(t, jvmtest.Options{LimitBytes: limit, JVMFlags: flags})
	s.see(strconv.Itoa(j.PID))
	return j
}
