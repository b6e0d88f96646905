package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/sidecar"
)

const sidecarNote = `It asks the sidecar through a forwarded port. In a pod without a sidecar it adds an ephemeral container, which needs no
restart, runs as the user of the JVM, and ends by itself.`

// Commands returns the commands that ask jvmem in one pod.
func Commands(access *kube.Access) []*cobra.Command {
	return []*cobra.Command{newBreakdown(access), newDiagnose(access), newOwners(access), newOOM(access), newPage(access)}
}

func newBreakdown(access *kube.Access) *cobra.Command {
	o := &options{Access: access}
	c := &cobra.Command{
		Use:   "breakdown POD",
		Short: "Show what uses the memory of a JVM's container",
		Long:  "Show what uses the memory of a JVM's container, in rows that add up to what the kernel charges.\n\n" + sidecarNote,
		Example: `  # Show the memory of a pod's JVM
  kubectl jvmem breakdown orders-7c9f6b5d4-x2x7q

  # Without a sidecar: in a pod with several containers, with an image of your own registry
  kubectl jvmem breakdown orders-7c9f6b5d4-x2x7q -c app --image registry.example.org/team/jvmem:0.1.0

  # Print the kubectl commands that do the same
  kubectl jvmem breakdown orders-7c9f6b5d4-x2x7q --dry-run`,
		RunE: func(c *cobra.Command, args []string) error {
			return o.run(c.Context(), args[0], "breakdown", 0, func(ctx context.Context, conn *connection) error {
				return o.print(ctx, conn, "/breakdown")
			})
		},
	}
	return o.finish(c, true)
}

func newDiagnose(access *kube.Access) *cobra.Command {
	o := &options{Access: access}
	c := &cobra.Command{
		Use:   "diagnose POD",
		Short: "Show what grows in a JVM's container, and when it reaches the limit",
		Long: "Show what grows in a JVM's container, with the evidence, and when it reaches the limit.\n\n" + sidecarNote + `

An ephemeral container that was just started has no history: use --for.`,
		Example: `  # Show the verdict of the sidecar
  kubectl jvmem diagnose orders-7c9f6b5d4-x2x7q

  # Observe a pod without a sidecar for 10 minutes, then show the verdict
  kubectl jvmem diagnose orders-7c9f6b5d4-x2x7q --for 10m`,
	}
	return o.finishWatching(c, "diagnosis")
}

func newOwners(access *kube.Access) *cobra.Command {
	o := &options{Access: access}
	c := &cobra.Command{
		Use:   "owners POD",
		Short: "Show whose native memory grows in a JVM's container",
		Long: `Show whose native memory grows in a JVM's container: the library that allocated it, or the Java object that refers to it.
jvmem looks for them when a leak of native memory is suspected.

` + sidecarNote + `

An ephemeral container that was just started has no history: use --for.`,
		Example: `  # Show the owners that the sidecar found
  kubectl jvmem owners orders-7c9f6b5d4-x2x7q

  # Observe a pod without a sidecar for 10 minutes, then show the owners
  kubectl jvmem owners orders-7c9f6b5d4-x2x7q --for 10m`,
	}
	return o.finishWatching(c, "owners")
}

// finishWatching makes a command print a report, after it observed for as long as its flag
// says.
func (o *options) finishWatching(c *cobra.Command, report string) *cobra.Command {
	c.RunE = func(c *cobra.Command, args []string) error {
		if o.lasts < 0 {
			return fmt.Errorf("--for %s: must be 0 or more", o.lasts)
		}
		return o.run(c.Context(), args[0], report, 0, func(ctx context.Context, conn *connection) error {
			if o.lasts > 0 {
				if err := o.watch(ctx, conn); err != nil {
					return err
				}
			}
			return o.print(ctx, conn, "/"+report)
		})
	}
	c.Flags().DurationVar(&o.lasts, "for", 0, "observe for this time first, with progress on a terminal")
	return o.finish(c, true)
}

// run finds jvmem in the pod, connects to it and calls f. local is the port on this machine;
// 0 selects a free one.
func (o *options) run(ctx context.Context, name, report string, local int, f func(context.Context, *connection) error) error {
	c, err := o.client()
	if err != nil {
		return err
	}
	pod, err := getPod(ctx, c, name)
	if err != nil {
		return err
	}
	s, err := o.find(ctx, c, pod, report)
	if errors.Is(err, errDryRun) {
		return nil
	}
	if err != nil {
		return err
	}
	conn, err := o.connect(ctx, c, pod, s, local)
	if err != nil {
		return err
	}
	defer conn.close()
	wait := patience(pod, s, o.container, time.Now())
	err = conn.await(ctx, o.container, wait, func() {
		if s.Ends.IsZero() { // else a line says that a container was added
			fmt.Fprintf(o.ErrOut, "No JVM is reported yet in %s, which just started: waiting for at most %s.\n", place(o.container), wait)
		}
	})
	if err != nil {
		return err
	}
	if s.Ends.IsZero() && conn.blind(ctx) {
		fmt.Fprintln(o.ErrOut, "The sidecar cannot observe this JVM, see below. To look at it now, without a restart of the pod, add --ephemeral.")
	}
	return f(ctx, conn)
}

func (o *options) connect(ctx context.Context, c *kube.Client, pod *corev1.Pod, s *sidecar.Sidecar, local int) (*connection, error) {
	conn := &connection{
		client: c, pod: pod.Name, local: local, remote: s.Port,
		user: o.webUser, password: os.Getenv(passwordVariable), http: newClient(), scheme: "https",
	}
	return conn, conn.open(ctx)
}

// print prints a report as jvmem writes it.
func (o *options) print(ctx context.Context, conn *connection, path string) error {
	text, err := conn.get(ctx, path+"?format=text")
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(o.Out, fleet.Lines(only(string(text), o.container)))
	return err
}

// finish adds what all commands have.
func (o *options) finish(c *cobra.Command, ephemerals bool) *cobra.Command {
	o.define(c, ephemerals)
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("one pod is required: %s POD (see %s --help)", c.CommandPath(), c.CommandPath())
		}
		return nil
	}
	c.ValidArgsFunction = o.completePod
	c.DisableFlagsInUseLine = true
	c.Use += " [options]"
	return c
}

// completePod completes the names of pods.
func (o *options) completePod(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	const (
		timeout = 5 * time.Second
		most    = 500
	)
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, err := o.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
	defer cancel()
	pods, err := c.CoreV1().Pods(c.Namespace).List(ctx, metav1.ListOptions{Limit: most})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for i := range pods.Items {
		names = append(names, pods.Items[i].Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
