package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/pod"
)

// reportTimeout is how long a newer report may take.
const reportTimeout = 90 * time.Second

// sidecar is a running jvmem serve.
type sidecar struct {
	t   *testing.T
	pod *aPod
	id  string
	url string
}

// asUser is a container of the sidecar, as strict policies ask and as is
// recommended.
func asUser(user string, args ...string) pod.Container {
	return pod.Container{
		Name: "jvmem", Image: sidecarImage, User: user, Drop: []string{"ALL"}, LimitBytes: 64 * mib,
		Env: []string{"JVMEM_CONTAINER_NAME=app"}, Command: append([]string{"/jvmem"}, args...),
	}
}

// startSidecar starts jvmem in a pod and returns when it has made a report.
func (p *aPod) startSidecar(user string) *sidecar {
	p.t.Helper()
	address := freeAddress(p.t)
	s := &sidecar{t: p.t, pod: p, url: "http://" + address}
	s.id = p.start(asUser(user, "serve", "--listen", address, "--interval", interval.String(), "--max-cpu", "0"))
	p.t.Cleanup(func() {
		if !p.t.Failed() {
			return
		}
		stdout, stderr, err := p.engine.Logs(context.Background(), s.id)
		p.t.Logf("the sidecar's log: %v\n%s%s", err, stdout[max(0, len(stdout)-4000):], stderr)
	})
	for end := time.Now().Add(reportTimeout); ; time.Sleep(50 * time.Millisecond) {
		_, err := s.get("/readyz")
		if err == nil {
			return s
		}
		if time.Now().After(end) {
			p.t.Fatalf("the sidecar is not ready: %v", err)
		}
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

// newer returns a report that was wholly made after the call.
func (s *sidecar) newer() report {
	s.t.Helper()
	first := time.Now()
	for end := first.Add(reportTimeout); ; time.Sleep(*interval / 10) {
		if r := s.report(); r.Time.After(first) {
			return r
		}
		if time.Now().After(end) {
			s.t.Fatalf("no newer report within %v", reportTimeout)
		}
	}
}

// until returns the first newer report that is as wanted.
func (s *sidecar) until(what string, wanted func(*report) bool) report {
	s.t.Helper()
	for end := time.Now().Add(reportTimeout); ; {
		r := s.newer()
		if wanted(&r) {
			return r
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s: not within %v: %+v", what, reportTimeout, r)
		}
	}
}

// exec runs jvmem breakdown inside the sidecar's container.
func (s *sidecar) exec() report {
	s.t.Helper()
	stdout, code, err := s.pod.engine.Exec(s.t.Context(), s.id, "/jvmem", "breakdown", "--format", "json")
	if err != nil || code != exitComplete {
		s.t.Fatalf("jvmem breakdown: exit code %d, %v: %s", code, err, stdout)
	}
	return parseReport(s.t, []byte(stdout))
}

// look runs jvmem breakdown once, in a container of its own.
func (p *aPod) look(c pod.Container) (code int, r report) {
	p.t.Helper()
	stdout, stderr, code := p.run(c)
	if len(bytes.TrimSpace([]byte(stdout))) == 0 {
		p.t.Fatalf("jvmem breakdown says nothing, exit code %d: %s", code, strings.TrimSpace(stderr))
	}
	return code, parseReport(p.t, []byte(stdout))
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
