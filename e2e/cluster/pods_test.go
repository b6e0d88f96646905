package cluster

import (
	"fmt"
	"testing"

	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/jvmem/jvmem/e2e/cluster/node"
)

// user is the UID and GID of JVMs that do not take those of their image.
const user = 10001

// template returns pods with the label for injection and one container, app.
func template(labels map[string]string) core.PodTemplateSpec {
	return core.PodTemplateSpec{
		ObjectMeta: meta.ObjectMeta{Labels: labels},
		Spec: core.PodSpec{
			TerminationGracePeriodSeconds: new(int64(300)), // nobody waits for it if the sidecar ends on SIGTERM
			SecurityContext:               &core.PodSecurityContext{RunAsUser: new(int64(user)), RunAsGroup: new(int64(user))},
			Containers:                    []core.Container{container("app", 8080)},
		},
	}
}

// unlabelled are the labels of pods that only installFor concerns.
var unlabelled = map[string]string{"app": "app"}

func injected(name string) map[string]string {
	return map[string]string{"app": name, "jvmem.io/inject": "true"}
}

// container returns a container with a JVM that listens on a port.
func container(name string, port int) core.Container {
	return core.Container{
		Name: name, Image: node.App, Args: []string{fmt.Sprint(port)},
		Env: []core.EnvVar{{Name: "JDK_JAVA_OPTIONS", Value: "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:MaxDirectMemorySize=1g"}},
		ReadinessProbe: &core.Probe{
			ProbeHandler:  core.ProbeHandler{HTTPGet: &core.HTTPGetAction{Path: "/", Port: intstr.FromInt(port)}},
			PeriodSeconds: 1, TimeoutSeconds: 10, FailureThreshold: 100,
		},
		Resources: core.ResourceRequirements{
			Requests: core.ResourceList{core.ResourceCPU: resource.MustParse("10m"), core.ResourceMemory: resource.MustParse("64Mi")},
			Limits:   core.ResourceList{core.ResourceMemory: *resource.NewQuantity(limit<<20, resource.BinarySI)},
		},
	}
}

// createPod creates a pod.
func (s *suite) createPod(t *testing.T, namespace, name string, template core.PodTemplateSpec) *core.Pod {
	t.Helper()
	pod := &core.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Name = name
	created, err := s.client.CoreV1().Pods(namespace).Create(t.Context(), pod, meta.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

func (s *suite) createDeployment(t *testing.T, namespace, name string, replicas int32, template core.PodTemplateSpec) {
	t.Helper()
	_, err := s.client.AppsV1().Deployments(namespace).Create(t.Context(), &apps.Deployment{
		ObjectMeta: meta.ObjectMeta{Name: name},
		Spec: apps.DeploymentSpec{
			Replicas: &replicas, Template: template,
			Selector: &meta.LabelSelector{MatchLabels: map[string]string{"app": name}},
		},
	}, meta.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// awaitPodsOf returns the pods with a label when that many are ready.
func (s *suite) awaitPodsOf(t *testing.T, namespace, selector string, count int) []core.Pod {
	t.Helper()
	var ready []core.Pod
	await(t, fmt.Sprintf("%d pods %s in %s", count, selector, namespace), func() error {
		pods, err := s.client.CoreV1().Pods(namespace).List(t.Context(), meta.ListOptions{LabelSelector: selector})
		if err != nil {
			return err
		}
		ready = nil
		for _, pod := range pods.Items {
			if isReady(&pod) && pod.DeletionTimestamp == nil {
				ready = append(ready, pod)
			}
		}
		if len(ready) != count {
			return fmt.Errorf("%d of %d pods are ready", len(ready), len(pods.Items))
		}
		return nil
	})
	return ready
}

func (s *suite) awaitPodOf(t *testing.T, namespace, selector string) *core.Pod {
	t.Helper()
	return &s.awaitPodsOf(t, namespace, selector, 1)[0]
}

// The sidecar does not keep a Job from completing.
func (s *suite) testJob(t *testing.T) {
	namespace := s.namespace(t, "job")
	pod := template(injected("batch"))
	pod.Spec.RestartPolicy = core.RestartPolicyNever
	pod.Spec.Containers[0].Args, pod.Spec.Containers[0].ReadinessProbe = []string{"job"}, nil
	_, err := s.client.BatchV1().Jobs(namespace).Create(t.Context(), &batch.Job{
		ObjectMeta: meta.ObjectMeta{Name: "batch"}, Spec: batch.JobSpec{Template: pod, BackoffLimit: new(int32(0))},
	}, meta.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the job completes", func() error {
		job, err := s.client.BatchV1().Jobs(namespace).Get(t.Context(), "batch", meta.GetOptions{})
		if err == nil && job.Status.Succeeded != 1 {
			err = fmt.Errorf("status %+v", job.Status)
		}
		return err
	})
	pods, err := s.client.CoreV1().Pods(namespace).List(t.Context(), meta.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range pods.Items {
		if !hasSidecar(&pod) {
			t.Errorf("pod %s has no sidecar", pod.Name)
		}
	}
}

// hasSidecar reports whether the policy added the sidecar.
func hasSidecar(pod *core.Pod) bool {
	for _, c := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
		if c.Name == "jvmem" {
			return true
		}
	}
	return false
}

// Two JVMs in a pod are two containers with their own limits.
func (s *suite) testTwoJVMs(t *testing.T) {
	namespace := s.namespace(t, "two")
	pod := template(injected("two"))
	pod.Spec.Containers = append(pod.Spec.Containers, container("other", 8081))
	pod.Spec.Containers[1].Resources.Limits[core.ResourceMemory] = resource.MustParse("200Mi")
	created := s.createPod(t, namespace, "two", pod)
	ready := s.awaitReady(t, namespace, created.Name)
	await(t, "two containers", func() error {
		b, err := s.sidecar(t, ready).Breakdown()
		if err != nil {
			return err
		}
		limits := map[int64]bool{}
		for i := range b.Containers {
			c := &b.Containers[i]
			if err := complete(c); err != nil {
				return err
			}
			if c.LimitBytes != nil {
				limits[*c.LimitBytes>>20] = true
			}
		}
		if len(b.Containers) != 2 || !limits[limit] || !limits[200] {
			return fmt.Errorf("limits %v of %d containers", limits, len(b.Containers))
		}
		return nil
	})
}
