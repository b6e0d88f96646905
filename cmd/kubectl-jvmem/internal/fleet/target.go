package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/sidecar"
)

// page is how many pods are listed at once, as kubectl does.
const page = 500

// Target is a pod with a sidecar.
type Target struct {
	Pod *corev1.Pod
	// Scheme is http or https, and Port that of the sidecar.
	Scheme string
	Port   int
	// Problem is set if there is no sidecar to ask at present.
	Problem *Problem
}

// Name is the namespace and name of the pod.
func (t *Target) Name() string { return t.Pod.Namespace + "/" + t.Pod.Name }

// Select returns the pods of these names, or those of the selector, which have a sidecar, and
// a Proxy to them. An error says which permission is missing.
func Select(ctx context.Context, access *kube.Access, names []string, selector string) (*Proxy, []Target, error) {
	client, err := access.Client(nil)
	if err != nil {
		return nil, nil, err
	}
	proxy, err := NewProxy(client.Config)
	if err != nil {
		return nil, nil, err
	}
	targets, verb := []Target(nil), "get"
	if selector == "" {
		targets, err = Named(ctx, client, client.Namespace, names)
	} else {
		verb = "list"
		targets, _, err = Find(ctx, client, client.Namespace, selector)
	}
	return proxy, targets, client.Explain(ctx, err, kube.Rule{Resource: "pods", Verb: verb}, kube.Rule{Resource: "pods/proxy", Verb: "get"})
}

// Find returns the pods with a sidecar, and those without. Pods that have ended are left
// out: they use no memory.
func Find(ctx context.Context, client kubernetes.Interface, namespace, selector string) (targets []Target, without []*corev1.Pod, err error) {
	options := metav1.ListOptions{LabelSelector: selector, Limit: page}
	for {
		pods, err := client.CoreV1().Pods(namespace).List(ctx, options)
		if err != nil {
			return nil, nil, err
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
			return nil, err
		}
		t, ok := targetOf(pod)
		if !ok {
			return nil, fmt.Errorf("pod %s has no container %s", pod.Name, sidecar.Name)
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// targetOf returns how the pod's sidecar is asked; ok is false if it has none.
func targetOf(pod *corev1.Pod) (t Target, ok bool) {
	found := sidecar.Find(pod)
	if found == nil {
		return t, false
	}
	t = Target{Pod: pod, Scheme: schemeOf(pod), Port: found.Port}
	if found.Waiting != "" {
		t.Problem = &Problem{Reason: NotRunning, Detail: Printable(found.Waiting, 2*maxLine)}
	}
	return t, true
}

// schemeOf is that of the sidecar's probes: only its configuration says whether it serves
// TLS, and that is in a Secret.
func schemeOf(pod *corev1.Pod) string {
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
			if c.Name == sidecar.Name && p != nil && p.HTTPGet != nil && p.HTTPGet.Scheme == corev1.URISchemeHTTPS {
				return "https"
			}
		}
	}
	return "http"
}
