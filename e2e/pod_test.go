package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const (
	mib        = 1 << 20
	limitBytes = 768 * mib
	// user is the JVM's and, as recommended, the sidecar's.
	user = "10001:10001"
	// interval is between two samples of the sidecar.
	interval = time.Second
	// reportTimeout is how long a newer report may take.
	reportTimeout = 30 * time.Second
)

// do runs a docker command.
func do(t *testing.T, args ...string) string {
	t.Helper()
	out, err := daemon.Do(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// restricted is how every container runs: as strict policies ask.
func restricted(user string) []string {
	return []string{"--user", user, "--cap-drop=ALL", "--read-only", "--security-opt", "no-new-privileges"}
}

// removeAtEnd removes a container when the test ends.
func removeAtEnd(t *testing.T, id string) string {
	t.Cleanup(func() {
		// The test's own context has ended by now.
		if _, err := daemon.Do(context.Background(), "rm", "--force", "--volumes", id); err != nil {
			t.Error(err)
		}
	})
	return id
}

// startPause starts the container that holds a pod's PID namespace. It gets a
// user of its own, as the pause container of Kubernetes has.
func startPause(t *testing.T) string {
	t.Helper()
	args := append([]string{"run", "--detach", "--network=none"}, restricted("65535:65535")...)
	return removeAtEnd(t, do(t, append(args, jvmImage, "/usr/bin/sleep", "infinity")...))
}

// jvmOptions say how the JVM's container runs.
type jvmOptions struct {
	flags []string
	pause string // whose PID namespace to join; "": its own
	noTmp bool   // nothing in /tmp can be written
}

// startJVM starts the workload in a container.
func startJVM(t *testing.T, o jvmOptions) *workload {
	t.Helper()
	java, err := findJava()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"create", "--interactive", "--network=none"}, restricted(user)...)
	args = append(args, "--memory", fmt.Sprint(limitBytes), "--memory-swap", fmt.Sprint(limitBytes), "--shm-size", "256m",
		"--volume", jvmtest.Classes(t, java)+":/app:ro", "--volume", folder(t)+":/data")
	var tmp string
	if !o.noTmp {
		tmp = folder(t)
		args = append(args, "--volume", tmp+":/tmp")
	}
	if o.pause != "" {
		args = append(args, "--pid=container:"+o.pause)
	}
	args = append(args, jvmImage, jdkPath+"/bin/java")
	args = append(args, o.flags...)
	w := startWorkload(t, removeAtEnd(t, do(t, append(args, "-cp", "/app", "Workload")...)))
	t.Cleanup(func() { checkUnharmed(t, w, tmp) })
	return w
}

// checkUnharmed checks that the JVM lives, was never made to print a thread
// dump, and that the sidecar left no trigger file behind.
func checkUnharmed(t *testing.T, w *workload, tmp string) {
	if state, err := daemon.Do(context.Background(), "inspect", "--format", "{{.State.Running}}", w.id); err != nil || state != "true" {
		t.Errorf("the JVM does not run any more: %s %v\n%s", state, err, w.said())
	}
	if said := w.said(); said != "" {
		t.Errorf("the JVM said:\n%.2000s", said)
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, ".attach_pid*")); tmp != "" && len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func folder(t *testing.T) string {
	t.Helper()
	dir, err := daemon.Folder()
	if err != nil {
		t.Fatal(err)
	}
	// Mapped files and the page cache are some 100 MB a test.
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// sidecar is a running jvmem serve.
type sidecar struct {
	t   *testing.T
	id  string
	url string
}

// startSidecar starts jvmem in the PID namespace of a container. It has the
// network of the host, so that the test can ask it; nothing else is shared.
func startSidecar(t *testing.T, pid string, flags ...string) *sidecar {
	t.Helper()
	address := freeAddress(t)
	args := append([]string{"run", "--detach", "--network=host", "--pid=container:" + pid, "--memory", "64m", "--env", "JVMEM_CONTAINER_NAME=app"}, restricted(user)...)
	args = append(args, flags...)
	args = append(args, sidecarImage, "serve", "--listen", address, "--interval", interval.String())
	s := &sidecar{t: t, id: removeAtEnd(t, do(t, args...)), url: "http://" + address}
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		cmd := daemon.Command(context.Background(), "logs", "--tail", "20", s.id)
		log, err := cmd.CombinedOutput()
		t.Logf("the sidecar's log: %v\n%s", err, log)
	})
	for end := time.Now().Add(reportTimeout); ; {
		if _, err := s.get("/readyz"); err == nil {
			return s
		} else if time.Now().After(end) {
			t.Fatalf("the sidecar is not ready: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
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

func (s *sidecar) get(path string) ([]byte, error) {
	response, err := http.Get(s.url + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", path, response.Status, body)
	}
	return body, err
}

func (s *sidecar) report() report {
	s.t.Helper()
	body, err := s.get("/breakdown")
	if err != nil {
		s.t.Fatal(err)
	}
	return parseReport(s.t, body)
}

// newer returns a report that was wholly made after the call: samples are made
// one after the other, so the second one that is dated after it.
func (s *sidecar) newer() report {
	s.t.Helper()
	first := time.Now()
	for end, seen := first.Add(reportTimeout), 0; ; time.Sleep(20 * time.Millisecond) {
		r := s.report()
		if r.Time.After(first) {
			first = r.Time
			if seen++; seen == 2 {
				return r
			}
		}
		if time.Now().After(end) {
			s.t.Fatalf("no newer report within %v", reportTimeout)
		}
	}
}

// exec runs jvmem breakdown inside the sidecar's container.
func (s *sidecar) exec() report {
	s.t.Helper()
	return parseReport(s.t, []byte(do(s.t, "exec", s.id, "/jvmem", "breakdown", "--format", "json")))
}

// explained reports whether some source of the report says this.
func explained(sources []source, text string) bool {
	for _, s := range sources {
		if strings.Contains(s.Reason+"; "+s.Fix, text) {
			return true
		}
	}
	return false
}
