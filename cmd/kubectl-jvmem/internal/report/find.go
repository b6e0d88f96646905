package report

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/ephemeral"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/sidecar"
)

// needed returns what every command needs.
func needed() []kube.Rule {
	return []kube.Rule{{Resource: "pods", Verb: "get"}, {Resource: "pods/portforward", Verb: "create"}}
}

// errDryRun ends a command that only prints command lines.
var errDryRun = errors.New("dry run")

func getPod(ctx context.Context, c *kube.Client, name string) (*corev1.Pod, error) {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "pods/"), "pod/")
	pod, err := c.CoreV1().Pods(c.Namespace).Get(ctx, name, metav1.GetOptions{})
	return pod, c.Explain(ctx, err, needed()...)
}

// find returns the container of the pod that runs jvmem. Without a sidecar it is an
// ephemeral container: one that still runs for the time that is needed, or a new one.
func (o *options) find(ctx context.Context, c *kube.Client, pod *corev1.Pod, report string) (*sidecar.Sidecar, error) {
	found := sidecar.Find(pod)
	if found != nil && !o.ephemeral {
		if found.Waiting != "" {
			if pod.Status.Phase == corev1.PodPending {
				return nil, fmt.Errorf("the sidecar of pod %s does not run yet: %s; the pod is %s", pod.Name, found.Waiting, phase(pod))
			}
			return nil, fmt.Errorf("the sidecar of pod %s does not run: %s\n  fix: repair it, or add --ephemeral to use an ephemeral container", pod.Name, found.Waiting)
		}
		if o.dryRun {
			fmt.Fprintln(o.Out, o.readCommand(c, pod, found, report))
			return nil, errDryRun
		}
		return found, nil
	}
	if pod.Status.Phase != corev1.PodRunning || pod.DeletionTimestamp != nil {
		return nil, fmt.Errorf("pod %s does not run: %s", pod.Name, phase(pod))
	}
	target, err := sidecar.Target(pod, o.container)
	if err != nil {
		return nil, err
	}
	if s := sidecar.Status(target, pod.Status.ContainerStatuses); s == nil || s.State.Running == nil {
		return nil, fmt.Errorf("container %s of pod %s does not run%s", target, pod.Name, ended(s))
	}
	o.container = target // of several JVMs, in a shared process namespace
	if running := sidecar.FindEphemeral(pod, target, time.Now().Add(o.lasts)); running != nil && !o.dryRun {
		fmt.Fprintf(o.ErrOut, "Using the ephemeral container %s, which ends by itself in %s.\n", running.Container, time.Until(running.Ends).Round(time.Second))
		return running, nil
	}
	return o.add(ctx, c, pod, target, report, found != nil)
}

// add adds an ephemeral container and waits until it runs.
func (o *options) add(ctx context.Context, c *kube.Client, pod *corev1.Pod, target, report string, beside bool) (*sidecar.Sidecar, error) {
	user, err := o.user()
	if err != nil {
		return nil, err
	}
	image := o.image
	if image == "" {
		if image, err = ephemeral.FindImage(ctx, c); err != nil {
			return nil, err
		}
	}
	settings := ephemeral.Options{Image: image, Container: target, For: o.runsFor(), User: user}
	added, err := ephemeral.Add(ctx, c, pod, settings, o.dryRun, needed()...)
	if err != nil {
		return nil, err
	}
	if o.dryRun {
		command, err := added.DebugCommand(pod, o.Selection(c))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(o.Out, "%s\n%s\n", command, o.readCommand(c, pod, added.Sidecar(), report))
		return nil, errDryRun
	}
	why := "has no sidecar"
	if beside {
		why = "is observed beside its sidecar"
	}
	fmt.Fprintf(o.ErrOut, "Pod %s %s: added the ephemeral container %s with image %s, as %s.\nIt takes 5 to 20 MiB of the memory of the pod, and ends by itself in %s. It cannot be removed earlier.\n",
		pod.Name, why, added.Container.Name, image, added.User, o.runsFor())
	return added.Wait(ctx, c, pod.Name)
}

// runsFor is longer than what is watched, so that its end can be read.
func (o *options) runsFor() time.Duration {
	return max(o.lasts+o.lasts/10+time.Minute, o.newLasts)
}

// readCommand returns the command line that reads the report in the pod.
func (o *options) readCommand(c *kube.Client, pod *corev1.Pod, s *sidecar.Sidecar, report string) string {
	selection := strings.Join(o.Selection(c), " ")
	if report == "" { // the page
		return fmt.Sprintf("kubectl port-forward pod/%s %s %d", pod.Name, selection, s.Port)
	}
	command := fmt.Sprintf("kubectl exec pod/%s %s --container=%s -- /jvmem get %s", pod.Name, selection, s.Container, report)
	if s.Port != sidecar.DefaultPort {
		command += fmt.Sprintf(" --listen=127.0.0.1:%d", s.Port)
	}
	return command
}

func phase(pod *corev1.Pod) string {
	if pod.DeletionTimestamp != nil {
		return "it is being deleted"
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return sidecar.Reason(string(pod.Status.Phase), sidecar.Reason(c.Reason, c.Message))
		}
	}
	return sidecar.Reason(string(pod.Status.Phase), sidecar.Reason(pod.Status.Reason, pod.Status.Message))
}

// ended returns how the container ended last, as Kubernetes recorded it; "": it did not.
func ended(s *corev1.ContainerStatus) string {
	t := terminated(s)
	if t == nil {
		return ""
	}
	return fmt.Sprintf(": %s, exit code %d, at %s after %s", t.Reason, t.ExitCode, t.FinishedAt.UTC().Format(time.RFC3339),
		t.FinishedAt.Sub(t.StartedAt.Time).Round(time.Second))
}

func terminated(s *corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	if s == nil {
		return nil
	}
	if s.State.Terminated != nil {
		return s.State.Terminated
	}
	return s.LastTerminationState.Terminated
}
