package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/jvmem/jvmem/e2e/sidecar"
)

const (
	pollInterval = 250 * time.Millisecond
	port         = 9753 // of the sidecar
	limit        = 256  // MiB, of the JVM's container
)

// await returns when a function returns nil, and fails the test if that takes too long.
func await(t *testing.T, what string, do func() error) {
	t.Helper()
	for end := time.Now().Add(*timeout); ; time.Sleep(pollInterval) {
		err := do()
		if err == nil {
			return
		}
		if time.Now().After(end) || t.Context().Err() != nil {
			t.Fatalf("%s: not within %v: %v", what, *timeout, err)
		}
	}
}

// try runs a command of the cluster: kubectl, helm or helm3.
func (s *suite) try(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), *timeout)
	defer cancel()
	cmd := s.node.Command(ctx, name, args...)
	cmd.Dir = s.root
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// run is try; an error fails the test.
func (s *suite) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := s.try(t, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// namespace creates a namespace that is removed after the test, with labels such as
// "enforce=restricted" of Pod Security.
func (s *suite) namespace(t *testing.T, name string, security ...string) string {
	t.Helper()
	namespace := &core.Namespace{ObjectMeta: meta.ObjectMeta{Name: name, Labels: map[string]string{}}}
	for _, label := range security {
		mode, level, _ := strings.Cut(label, "=")
		namespace.Labels["pod-security.kubernetes.io/"+mode] = level
	}
	if _, err := s.client.CoreV1().Namespaces().Create(t.Context(), namespace, meta.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			s.describe(t, name)
		}
		// Not waited for: the cluster ends soon.
		err := s.client.CoreV1().Namespaces().Delete(context.Background(), name, meta.DeleteOptions{})
		if err != nil {
			t.Error(err)
		}
	})
	return name
}

// describe logs what may explain a failure.
func (s *suite) describe(t *testing.T, namespace string) {
	const script = `
		kubectl --namespace "$0" get events --output custom-columns=:.involvedObject.name,:.reason,:.message | tail -n 30
		kubectl --namespace "$0" get pods --output wide
		for pod in $(kubectl --namespace "$0" get pods --output name); do
			echo "$pod"
			kubectl --namespace "$0" logs "$pod" --all-containers --prefix --tail 8
		done`
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	out, err := s.node.Command(ctx, "bash", "-c", script, namespace).CombinedOutput()
	t.Logf("%s (%v):\n%s", namespace, err, out)
}

// pod returns a pod.
func (s *suite) pod(t *testing.T, namespace, name string) (*core.Pod, error) {
	return s.client.CoreV1().Pods(namespace).Get(t.Context(), name, meta.GetOptions{})
}

// awaitPod returns a pod when its condition is met.
func (s *suite) awaitPod(t *testing.T, namespace, name, what string, met func(*core.Pod) bool) *core.Pod {
	t.Helper()
	var pod *core.Pod
	await(t, fmt.Sprintf("pod %s: %s", name, what), func() (err error) {
		if pod, err = s.pod(t, namespace, name); err != nil {
			return err
		}
		if !met(pod) {
			return fmt.Errorf("status %+v", pod.Status)
		}
		return nil
	})
	return pod
}

// awaitReady returns a pod when it is ready.
func (s *suite) awaitReady(t *testing.T, namespace, name string) *core.Pod {
	t.Helper()
	return s.awaitPod(t, namespace, name, "ready", isReady)
}

func isReady(pod *core.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == core.PodReady && c.Status == core.ConditionTrue {
			return true
		}
	}
	return false
}

// sidecar returns a client of a pod's sidecar.
func (s *suite) sidecar(t *testing.T, pod *core.Pod) *sidecar.Client {
	return sidecar.NewClientIn(t, s.node.Dial, fmt.Sprintf("%s:%d", pod.Status.PodIP, port))
}

// ask sends a request to the app of a pod.
func (s *suite) ask(t *testing.T, pod *core.Pod, path string) {
	t.Helper()
	if _, err := sidecar.NewClientIn(t, s.node.Dial, pod.Status.PodIP+":8080").Get(path); err != nil {
		t.Fatal(err)
	}
}

// awaitContainer returns what a sidecar reports of the only container, when that is as wanted.
func (s *suite) awaitContainer(t *testing.T, pod *core.Pod, what string, wanted func(*sidecar.Container) error) *sidecar.Container {
	t.Helper()
	var found *sidecar.Container
	await(t, pod.Name+": "+what, func() error {
		b, err := s.sidecar(t, pod).Breakdown()
		if err != nil {
			return err
		}
		if len(b.Containers) != 1 {
			return fmt.Errorf("%d containers; sources %+v", len(b.Containers), b.Sources)
		}
		found = &b.Containers[0]
		return wanted(found)
	})
	return found
}

// complete returns an error unless a JVM was found and all rows are known.
func complete(c *sidecar.Container) error {
	if unknown := c.Unknown(); len(unknown) > 0 || len(c.JVMs) == 0 {
		return fmt.Errorf("%d JVMs, unknown: %v\n%v", len(c.JVMs), unknown, c)
	}
	return nil
}

// warnings returns the lines of the sidecar's log that are warnings or errors.
func (s *suite) warnings(t *testing.T, pod *core.Pod) (found []string) {
	t.Helper()
	log, err := s.client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &core.PodLogOptions{Container: "jvmem"}).DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, `"log.level":"warn`) || strings.Contains(line, `"log.level":"error`) {
			found = append(found, line)
		}
	}
	return found
}

// write writes a file of the test and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := t.TempDir() + "/" + name
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var errNotYet = errors.New("not yet")
