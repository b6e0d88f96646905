package sizing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
)

type options struct {
	selector  string
	container string
	output    string
	timeout   time.Duration
}

// NewCommand returns the command sizing.
func NewCommand(access *kube.Access) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "sizing POD... | -l SELECTOR",
		Short: "Show what to set for the replicas of a workload: memory limit and JVM flags",
		Long: `Show what to set for the replicas of a workload: the memory limit and JVM flags that suffice
for what their sidecars have seen. The largest need of all counts, part by part; a replica
that needs far more than the others is named.

With -o yaml it prints a patch for the Deployment, or whatever owns the pods, with the
limit and the flags in an environment variable. Nothing is printed while a replica leaks.`,
		Example: `  kubectl jvmem sizing -l app=orders
  kubectl jvmem sizing -l app=orders -o yaml > sizing.yaml
  kubectl patch deployment orders --patch-file sizing.yaml`,
		RunE: func(cmd *cobra.Command, pods []string) error { return o.run(cmd.Context(), access, pods) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.selector, "selector", "l", "", "label selector of pods, instead of their names")
	flags.StringVarP(&o.container, "container", "c", "", "container with the JVM, if a pod has several")
	flags.StringVarP(&o.output, "output", "o", "", "json, or yaml for a patch; default: a table")
	flags.DurationVar(&o.timeout, "pod-timeout", 5*time.Second, "time that each pod gets to answer")
	return cmd
}

func (o *options) check(pods []string) error {
	switch {
	case o.output != "" && o.output != "json" && o.output != "yaml":
		return fmt.Errorf("unknown output %q: use json or yaml", o.output)
	case o.timeout <= 0:
		return errors.New("--pod-timeout must be positive")
	case (len(pods) == 0) == (o.selector == ""):
		return errors.New("name pods, or use -l SELECTOR")
	}
	return nil
}

func (o *options) run(ctx context.Context, access *kube.Access, pods []string) error {
	if err := o.check(pods); err != nil {
		return err
	}
	proxy, targets, err := fleet.Select(ctx, access, pods, o.selector)
	if err != nil {
		return err
	}
	answers := proxy.Size(ctx, targets, o.timeout, fleet.Progress(access.ErrOut, len(targets)))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w, err := merge(answers, o.container)
	if err != nil {
		return err
	}
	switch o.output {
	case "json":
		return w.writeJSON(access.Out)
	case "yaml":
		return w.writePatch(access.Out)
	}
	return w.writeTable(access.Out)
}
