package ephemeral

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/sidecar"
)

const (
	// startTimeout is for kubelet to pull the image and to start the container.
	startTimeout = 2 * time.Minute
	pollInterval = 500 * time.Millisecond
)

// Added is an ephemeral container that the API server accepted.
type Added struct {
	Container corev1.EphemeralContainer
	User      User
}

// Add adds the container to the pod. With dryRun the API server only checks whether it
// would admit it. needed is what the caller needs besides, see kube.Client.Explain.
func Add(ctx context.Context, c *kube.Client, pod *corev1.Pod, o Options, dryRun bool, needed ...kube.Rule) (*Added, error) {
	user := userOf(pod, o.Container)
	if o.User != nil {
		user = *o.User
	}
	added := &Added{build(pod, o, user), user}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"ephemeralContainers": []corev1.EphemeralContainer{added.Container}}})
	if err != nil {
		return nil, err
	}
	options := metav1.PatchOptions{FieldManager: "kubectl-jvmem"}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	_, err = c.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, options, "ephemeralcontainers")
	if err == nil {
		return added, nil
	}
	err = c.Explain(ctx, err, append(needed, kube.Rule{Resource: "pods/ephemeralcontainers", Verb: "patch"})...)
	if errors.Is(err, kube.ErrPolicy) && !user.Known {
		return nil, fmt.Errorf("%w\n\nThe user of the JVM is set by its image and is not in the status of the pod, so jvmem must start as root, which is not permitted here.\n"+
			"Find it out, and set it by --run-as=UID:GID:\n  kubectl exec %s --namespace=%s --container=%s -- id", err, pod.Name, pod.Namespace, o.Container)
	}
	return nil, err
}

// DebugCommand returns the command line of kubectl debug that adds the same container.
func (a *Added) DebugCommand(pod *corev1.Pod, selection []string) (string, error) {
	return debugCommand(pod, &a.Container, a.User, selection)
}

// Sidecar returns where it will listen.
func (a *Added) Sidecar() *sidecar.Sidecar { return sidecar.OfEphemeral(&a.Container) }

// Wait waits until the container runs. The error has the reason of kubelet.
func (a *Added) Wait(ctx context.Context, c *kube.Client, pod string) (*sidecar.Sidecar, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	last := "kubelet has not reported it yet"
	for {
		p, err := c.CoreV1().Pods(c.Namespace).Get(ctx, pod, metav1.GetOptions{})
		if err == nil {
			if found := sidecar.FindEphemeral(p, a.Container.TargetContainerName, time.Time{}); found != nil && found.Container == a.Container.Name {
				return found, nil
			}
			var failed error
			if last, failed = state(sidecar.Status(a.Container.Name, p.Status.EphemeralContainerStatuses), last); failed != nil {
				return nil, failed
			}
		} else if ctx.Err() == nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("ephemeral container %s did not start within %s: %s", a.Container.Name, startTimeout, last)
		case <-time.After(pollInterval):
		}
	}
}

// state returns what the container waits for, or an error if waiting is useless.
func state(s *corev1.ContainerStatus, last string) (string, error) {
	switch {
	case s == nil:
	case s.State.Terminated != nil:
		t := s.State.Terminated
		text := strings.TrimSpace(t.Message)
		switch {
		case strings.Contains(text, "unknown flag") || strings.Contains(text, "must be jvm"):
			return "", fmt.Errorf("image %s has an older version of jvmem than this plugin needs: %s", s.Image, text)
		case text == "":
			text = t.Reason
		}
		return "", fmt.Errorf("ephemeral container %s ended with exit code %d: %s", s.Name, t.ExitCode, text)
	case s.State.Waiting != nil:
		last = sidecar.Reason(s.State.Waiting.Reason, s.State.Waiting.Message)
		switch s.State.Waiting.Reason {
		case "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName":
			return "", fmt.Errorf("the image of ephemeral container %s cannot be pulled: %s\n  fix: set --image (or JVMEM_IMAGE) to an image that the nodes can pull", s.Name, last)
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			return "", fmt.Errorf("ephemeral container %s cannot start: %s", s.Name, last)
		}
	}
	return last, nil
}
