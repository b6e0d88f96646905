package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// sidecarName is the name of the sidecar's container, and of its port.
	sidecarName = "jvmem"
	defaultPort = 9753
	// page is how many pods are listed at once, as kubectl does.
	page = 500
)

// Target is a pod with a sidecar.
type Target struct {
	Pod *corev1.Pod
	// Scheme is http or https, and Port that of the sidecar.
	Scheme string
	Port   int32
	// Problem is set if there is no sidecar to ask at present.
	Problem *Problem
}

// Name is the namespace and name of the pod.
func (t *Target) Name() string { return t.Pod.Namespace + "/" + t.Pod.Name }

// Find returns the pods with a sidecar, and those without. Pods that have ended are left
// out: they use no memory.
func Find(ctx context.Context, client kubernetes.Interface, namespace, selector string) (targets []Target, without []*corev1.Pod, err error) {
	options := metav1.ListOptions{LabelSelector: selector, Limit: page}
	for {
		pods, err := client.CoreV1().Pods(namespace).List(ctx, options)
		if err != nil {
			return nil, nil, explain(err, "list")
		}
		for i := range pods.Items {
			pod := &pods.Items[i]
			if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
				continue
			}
			if t, ok := targetOf(pod); ok {
				targets = append(targets, t)
			} else {
				without = append(without, pod)
			}
		}
		if options.Continue = pods.Continue; options.Continue == "" {
			return targets, without, nil
		}
	}
}

// Named returns the pods of these names, all of which must have a sidecar.
func Named(ctx context.Context, client kubernetes.Interface, namespace string, names []string) ([]Target, error) {
	targets := make([]Target, 0, len(names))
	for _, name := range names {
		pod, err := client.CoreV1().Pods(namespace).Get(ctx, strings.TrimPrefix(strings.TrimPrefix(name, "pods/"), "pod/"), metav1.GetOptions{})
		if err != nil {
			return nil, explain(err, "get")
		}
		t, ok := targetOf(pod)
		if !ok {
			return nil, fmt.Errorf("pod %s has no container %s", pod.Name, sidecarName)
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// explain adds the missing rule to an error of the API server.
func explain(err error, verb string) error {
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("%w\nyou need this rule in a Role or ClusterRole:\n  - apiGroups: [\"\"]\n    resources: [\"pods\"]\n    verbs: [%q]", err, verb)
	}
	return err
}

// targetOf returns how the pod's sidecar is asked; ok is false if it has none. A native
// sidecar is an init container.
func targetOf(pod *corev1.Pod) (t Target, ok bool) {
	isSidecar := func(c corev1.Container) bool { return c.Name == sidecarName }
	containers, statuses := pod.Spec.InitContainers, pod.Status.InitContainerStatuses
	i := slices.IndexFunc(containers, isSidecar)
	if i < 0 {
		containers, statuses = pod.Spec.Containers, pod.Status.ContainerStatuses
		if i = slices.IndexFunc(containers, isSidecar); i < 0 {
			return t, false
		}
	}
	t = Target{Pod: pod, Scheme: schemeOf(&containers[i]), Port: portOf(&containers[i])}
	k := slices.IndexFunc(statuses, func(s corev1.ContainerStatus) bool { return s.Name == sidecarName })
	switch {
	case k < 0:
		t.Problem = &Problem{Reason: NotRunning, Detail: "the pod is " + strings.ToLower(string(pod.Status.Phase))}
	case statuses[k].State.Running != nil:
	case statuses[k].State.Waiting != nil:
		t.Problem = &Problem{Reason: NotRunning, Detail: statuses[k].State.Waiting.Reason}
	case statuses[k].State.Terminated != nil:
		t.Problem = &Problem{Reason: NotRunning, Detail: statuses[k].State.Terminated.Reason}
	}
	return t, true
}

// portOf prefers the port that is named like the sidecar.
func portOf(c *corev1.Container) int32 {
	for _, p := range c.Ports {
		if p.Name == sidecarName {
			return p.ContainerPort
		}
	}
	if len(c.Ports) > 0 {
		return c.Ports[0].ContainerPort
	}
	return defaultPort
}

// schemeOf is that of the sidecar's probes: only its configuration says whether it serves
// TLS, and that is in a Secret.
func schemeOf(c *corev1.Container) string {
	for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		if p != nil && p.HTTPGet != nil && p.HTTPGet.Scheme == corev1.URISchemeHTTPS {
			return "https"
		}
	}
	return "http"
}
