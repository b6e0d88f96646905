package report

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/sidecar"
)

func newOOM(access *kube.Access) *cobra.Command {
	o := &options{Access: access}
	c := &cobra.Command{
		Use:   "oom POD",
		Short: "Show how the JVMs of a pod ended, and what used the memory before an OOM kill",
		Long: `Show how the JVMs of a pod ended, and what used the memory before an OOM kill.

Only a sidecar that ran before the end knows the cause. Without one the command shows what Kubernetes recorded.`,
		Example: `  # Show why the JVM was killed
  kubectl jvmem oom orders-7c9f6b5d4-x2x7q`,
		RunE: func(c *cobra.Command, args []string) error { return o.oom(c.Context(), args[0]) },
	}
	return o.finish(c, false)
}

func (o *options) oom(ctx context.Context, name string) error {
	c, err := o.client()
	if err != nil {
		return err
	}
	pod, err := getPod(ctx, c, name)
	if err != nil {
		return err
	}
	s := sidecar.Find(pod)
	switch {
	case s == nil:
		fmt.Fprintf(o.ErrOut, "Pod %s has no sidecar, which could tell the cause. Kubernetes recorded:\n", pod.Name)
		return o.recorded(pod)
	case s.Waiting != "":
		fmt.Fprintf(o.ErrOut, "The sidecar of pod %s does not run (%s). Kubernetes recorded:\n", pod.Name, s.Waiting)
		return o.recorded(pod)
	case o.dryRun:
		fmt.Fprintln(o.Out, o.readCommand(c, pod, s, "oom"))
		return nil
	}
	conn, err := o.connect(ctx, c, pod, s, 0)
	if err != nil {
		return err
	}
	defer conn.close()
	return o.print(ctx, conn, "/oom")
}

// recorded prints how the containers of the pod ended last.
func (o *options) recorded(pod *corev1.Pod) error {
	for i := range pod.Status.ContainerStatuses {
		s := &pod.Status.ContainerStatuses[i]
		if s.Name == sidecar.Name || o.container != "" && s.Name != o.container {
			continue
		}
		end := ended(s)
		if end == "" {
			end = ": has not ended"
		}
		if _, err := fmt.Fprintf(o.Out, "container %s%s; restarts: %d\n", s.Name, end, s.RestartCount); err != nil {
			return err
		}
	}
	return nil
}
