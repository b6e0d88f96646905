package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/jvmem/jvmem/e2e/cluster/node"
	"github.com/jvmem/jvmem/e2e/sidecar"
)

// A rollout of five pods, each of which is used for another test; then all are deleted.
func (s *suite) testDeployment(t *testing.T) {
	namespace := s.namespace(t, "deployment")
	s.createDeployment(t, namespace, "shop", 5, template(injected("shop")))
	pods := s.awaitPodsOf(t, namespace, "app=shop", 5)
	t.Run("pods", func(t *testing.T) {
		for i, test := range []struct {
			name string
			do   func(*testing.T, *core.Pod)
		}{
			{"as kubelet", s.testAsKubelet},
			{"resize", s.testResize},
			{"OOM kill", s.testOOMKill},
			{"restarted sidecar", s.testRestartedSidecar},
			{"user's commands", s.testCommands},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				test.do(t, &pods[i])
			})
		}
	})
	t.Run("plugin", func(t *testing.T) { s.testPluginOfSidecars(t, pods) })
	t.Run("deletion", func(t *testing.T) { s.testDeletion(t, namespace) })
}

// The working set is what kubelet reports.
func (s *suite) testAsKubelet(t *testing.T, pod *core.Pod) {
	s.awaitContainer(t, pod, "working set as kubelet's", func(c *sidecar.Container) error {
		if err := complete(c); err != nil {
			return err
		}
		// kubelet's value may be 15 s old, so the JVM has to be idle.
		kubelet, err := s.kubeletWorkingSet(t, pod)
		if err != nil {
			return err
		}
		if difference := *c.WorkingSetBytes - kubelet; difference < -128<<10 || difference > 128<<10 {
			return fmt.Errorf("kubelet reports %d bytes, jvmem %d more", kubelet, difference)
		}
		return nil
	})
	// Waiting for the JVM, which starts after the sidecar, is no problem to report.
	if found := s.warnings(t, pod); len(found) > 0 {
		t.Errorf("warnings:\n%s", strings.Join(found, ""))
	}
}

func (s *suite) kubeletWorkingSet(t *testing.T, pod *core.Pod) (int64, error) {
	text, err := s.client.CoreV1().RESTClient().Get().AbsPath("/api/v1/nodes", node.Name, "proxy/stats/summary").DoRaw(t.Context())
	if err != nil {
		return 0, err
	}
	var summary struct {
		Pods []struct {
			PodRef     struct{ UID types.UID }
			Containers []struct {
				Name   string
				Memory struct{ WorkingSetBytes int64 }
			}
		}
	}
	if err := json.Unmarshal(text, &summary); err != nil {
		return 0, err
	}
	for _, p := range summary.Pods {
		for _, c := range p.Containers {
			if p.PodRef.UID == pod.UID && c.Name == "app" && c.Memory.WorkingSetBytes > 0 {
				return c.Memory.WorkingSetBytes, nil
			}
		}
	}
	return 0, errors.New("kubelet does not report the container yet")
}

// The limit is that of the container after a resize in place.
func (s *suite) testResize(t *testing.T, pod *core.Pod) {
	for _, mib := range []int64{320, 288} {
		patch := fmt.Sprintf(`{"spec":{"containers":[{"name":"app","resources":{"limits":{"memory":"%dMi"}}}]}}`, mib)
		_, err := s.client.CoreV1().Pods(pod.Namespace).Patch(t.Context(), pod.Name, types.StrategicMergePatchType, []byte(patch), meta.PatchOptions{}, "resize")
		if err != nil {
			t.Fatal(err)
		}
		s.awaitContainer(t, pod, fmt.Sprintf("the limit is %d MiB", mib), func(c *sidecar.Container) error {
			if c.LimitBytes == nil || *c.LimitBytes != mib<<20 {
				return fmt.Errorf("limit %s", sidecar.KiB(c.LimitBytes))
			}
			return complete(c)
		})
		s.awaitPod(t, pod.Namespace, pod.Name, "resized", func(pod *core.Pod) bool {
			r := pod.Status.ContainerStatuses[0].Resources
			return r != nil && r.Limits.Memory().Equal(*resource.NewQuantity(mib<<20, resource.BinarySI))
		})
	}
}

// An OOM kill has an autopsy and a log entry, and the rows are those of the next JVM.
func (s *suite) testOOMKill(t *testing.T, pod *core.Pod) {
	before := s.awaitContainer(t, pod, "all rows known", complete)
	s.ask(t, pod, "/leak")
	s.awaitPod(t, pod.Namespace, pod.Name, "OOM killed", func(pod *core.Pod) bool {
		last := pod.Status.ContainerStatuses[0].LastTerminationState.Terminated
		return last != nil && last.Reason == "OOMKilled"
	})
	s.awaitReady(t, pod.Namespace, pod.Name)
	s.awaitContainer(t, pod, "rows of the next JVM", func(c *sidecar.Container) error {
		if c.ID == before.ID {
			return errors.New("still the container that was killed")
		}
		return complete(c)
	})
	var autopsies []sidecar.Autopsy
	await(t, "an autopsy", func() (err error) {
		autopsies, err = s.sidecar(t, pod).Autopsies()
		if err == nil && len(autopsies) == 0 {
			err = errNotYet
		}
		return err
	})
	a := autopsies[0]
	if len(autopsies) != 1 || a.Kind != "oom_kill" || !strings.Contains(a.Summary, "native +") || a.Last == nil {
		t.Errorf("autopsies %+v", autopsies)
	}
	log := s.run(t, "kubectl", "--namespace", pod.Namespace, "logs", pod.Name, "--container", "jvmem")
	if !strings.Contains(log, `"action":"oom_kill"`) {
		t.Errorf("the log does not have it:\n%s", log)
	}
	s.expectRestarts(t, pod, 0)
}

// A sidecar that is restarted still knows how little the JVM used before.
func (s *suite) testRestartedSidecar(t *testing.T, pod *core.Pod) {
	before := s.awaitContainer(t, pod, "all rows known", complete)
	s.ask(t, pod, "/direct?64")
	// The app's user is that of the sidecar, and sees it.
	s.run(t, "kubectl", "--namespace", pod.Namespace, "exec", pod.Name, "--container", "app", "--", "sh", "-c",
		`for dir in /proc/[0-9]*; do read -r name <"$dir/comm" && [ "$name" = jvmem ] && kill "${dir#/proc/}" && exit; done; exit 1`)
	s.awaitPod(t, pod.Namespace, pod.Name, "the sidecar was restarted", func(pod *core.Pod) bool {
		status := pod.Status.InitContainerStatuses[0]
		return status.RestartCount == 1 && status.State.Running != nil
	})
	s.awaitContainer(t, pod, "all rows known again", complete)
	await(t, "the history of before", func() error {
		history, err := s.sidecar(t, pod).History("")
		if err != nil {
			return err
		}
		for _, c := range history.Containers {
			for _, track := range c.Tracks {
				for _, usage := range track.Series["usage"].Min {
					if usage != nil && *usage < *before.UsageBytes+32<<20 {
						return nil
					}
				}
			}
		}
		return fmt.Errorf("usage was %d bytes, and the history has %+v", *before.UsageBytes, history)
	})
}

// What README asks users to type.
func (s *suite) testCommands(t *testing.T, pod *core.Pod) {
	s.awaitContainer(t, pod, "all rows known", complete)
	for command, want := range map[string]string{"breakdown": "NMT summary", "get diagnosis": "container app", "get oom": ""} {
		out := s.run(t, "kubectl", append([]string{"--namespace", pod.Namespace, "exec", pod.Name, "--container", "jvmem", "--", "/jvmem"}, strings.Fields(command)...)...)
		if !strings.Contains(out, want) {
			t.Errorf("jvmem %s:\n%s", command, out)
		}
	}
	proxied := s.run(t, "kubectl", "get", "--raw", fmt.Sprintf("/api/v1/namespaces/%s/pods/%s:%d/proxy/breakdown", pod.Namespace, pod.Name, port))
	if _, err := sidecar.ParseBreakdown([]byte(proxied)); err != nil {
		t.Errorf("through the API server: %v", err)
	}
	s.expectRestarts(t, pod, 0)
}

func (s *suite) expectRestarts(t *testing.T, pod *core.Pod, want int32) {
	t.Helper()
	pod, err := s.pod(t, pod.Namespace, pod.Name)
	if err != nil {
		t.Fatal(err)
	}
	if got := pod.Status.InitContainerStatuses[0].RestartCount; got != want {
		t.Errorf("the sidecar was restarted %d times", got)
	}
}

// The sidecar ends at once on SIGTERM: nothing waits for the grace period of 5 minutes.
func (s *suite) testDeletion(t *testing.T, namespace string) {
	if err := s.client.AppsV1().Deployments(namespace).Delete(t.Context(), "shop", meta.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	await(t, "all pods are gone", func() error {
		pods, err := s.client.CoreV1().Pods(namespace).List(t.Context(), meta.ListOptions{})
		if err == nil && len(pods.Items) > 0 {
			err = fmt.Errorf("%d pods", len(pods.Items))
		}
		return err
	})
	t.Logf("five pods were gone after %.1f s", time.Since(begun).Seconds())
}
