package e2e

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/pod"
	"github.com/jvmem/jvmem/e2e/sidecar"
)

// autopsyTimeout limits the time from a kill to its autopsy.
const autopsyTimeout = 90 * time.Second

// podSidecar is a jvmem serve in a container of a pod.
type podSidecar struct {
	*sidecar.Client
	t   *testing.T
	pod *aPod
	id  string
}

// asUser returns a container of the sidecar as the documentation recommends it and
// strict policies require it.
func asUser(user string, args ...string) pod.Container {
	return pod.Container{
		Name: "jvmem", Image: sidecarImage, User: user, Drop: []string{"ALL"}, LimitBytes: 64 * mib,
		Env: []string{"JVMEM_CONTAINER_NAME=app"}, Command: append([]string{"/jvmem"}, args...),
	}
}

// startSidecar starts jvmem in a pod and returns after its first sample.
func (p *aPod) startSidecar(user string) *podSidecar {
	p.t.Helper()
	client := sidecar.NewClient(p.t, sidecar.FreeAddress(p.t))
	s := &podSidecar{Client: client, t: p.t, pod: p}
	s.id = p.start(asUser(user, "serve", "--listen", client.Address, "--interval", interval.String(), "--max-cpu", "0"))
	p.t.Cleanup(func() {
		if !p.t.Failed() {
			return
		}
		stdout, stderr, err := p.engine.Logs(context.Background(), s.id)
		p.t.Logf("log of the sidecar: %v\n%s%s", err, stdout[max(0, len(stdout)-4000):], stderr)
	})
	s.AwaitReady(nil)
	return s
}

// breakdown returns the latest sample.
func (s *podSidecar) breakdown() *sidecar.Breakdown {
	s.t.Helper()
	b, err := s.Breakdown()
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// awaitJVMs returns the first sample of these JVMs and no others, with all rows. On a busy
// machine the first handshake may fail; jvmem retries a minute later.
func (s *podSidecar) awaitJVMs(all ...*workload) *sidecar.Breakdown {
	s.t.Helper()
	return s.AwaitBreakdown("the JVMs, with all rows", func(b *sidecar.Breakdown) bool {
		for _, w := range all {
			i := slices.IndexFunc(b.Containers, func(c sidecar.Container) bool { return c.ID == w.id })
			if i < 0 || len(b.Containers[i].Unknown()) > 0 {
				return false
			}
		}
		return len(b.Containers) == len(all)
	})
}

// exec runs jvmem breakdown inside the sidecar's container.
func (s *podSidecar) exec() *sidecar.Breakdown {
	s.t.Helper()
	stdout, code, err := s.pod.engine.Exec(s.t.Context(), s.id, "/jvmem", "breakdown", "--format", "json")
	if err != nil || code != exitComplete {
		s.t.Fatalf("jvmem breakdown: exit code %d, %v: %s", code, err, stdout)
	}
	return parseBreakdown(s.t, stdout)
}

// runBreakdown runs jvmem breakdown in a container of its own.
func (p *aPod) runBreakdown(c pod.Container) (code int, b *sidecar.Breakdown) {
	p.t.Helper()
	stdout, stderr, code := p.run(c)
	if len(bytes.TrimSpace([]byte(stdout))) == 0 {
		p.t.Fatalf("jvmem breakdown prints nothing, exit code %d: %s", code, strings.TrimSpace(stderr))
	}
	return code, parseBreakdown(p.t, stdout)
}

func parseBreakdown(t *testing.T, text string) *sidecar.Breakdown {
	t.Helper()
	b, err := sidecar.ParseBreakdown([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s *podSidecar) autopsies() []sidecar.Autopsy {
	s.t.Helper()
	all, err := s.Autopsies()
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// awaitAutopsy returns the autopsy of a container's JVM.
func (s *podSidecar) awaitAutopsy(id string) *sidecar.Autopsy {
	s.t.Helper()
	for end := time.Now().Add(autopsyTimeout); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		for _, a := range s.autopsies() {
			if a.ContainerID == id {
				return &a
			}
		}
	}
	s.t.Fatalf("no autopsy of %s", id)
	return nil
}

// awaitRestart returns when the latest autopsy states that the container runs again.
func (s *podSidecar) awaitRestart() {
	s.t.Helper()
	for end := time.Now().Add(autopsyTimeout); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if all := s.autopsies(); len(all) > 0 && all[0].RestartedAt != nil {
			return
		}
	}
	s.t.Errorf("the latest autopsy lacks the time of the restart: %+v", s.autopsies())
}

// sampleTimes returns the times of the samples in the history, in Unix milliseconds.
func (s *podSidecar) sampleTimes() []int64 {
	s.t.Helper()
	h, err := s.History("since=1h")
	if err != nil {
		s.t.Fatal(err)
	}
	if len(h.Containers) != 1 || len(h.Containers[0].Tracks) != 2 {
		s.t.Fatalf("the history has other tracks: %+v", h)
	}
	return h.Containers[0].Tracks[1].Times
}
