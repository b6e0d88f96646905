package compare

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
	by         string
	selector   string
	container  string
	output     string
	sameUptime bool
	timeout    time.Duration
}

// NewCommand returns the command compare.
func NewCommand(access *kube.Access) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "compare POD POD... | --by revision -l SELECTOR",
		Short: "Put the memory of JVMs side by side: replicas, or before and after a deploy",
		Long: `Put the memory of JVMs side by side: rows, classes loaded, threads by pool, and the
settings that differ.

With two pods it prints the difference; with more their spread, and which one is farther
from the others than these are from each other. With --by the pods of a selector are
grouped, by the revision of their Deployment, StatefulSet or DaemonSet or by a label. Each
group has its median and range, and a difference is printed only where the ranges of the
oldest and the newest group do not overlap.

JVMs fill their memory with time. If the uptimes differ, a line says so; --same-uptime
compares all at the uptime of the youngest, from the history of the sidecars.`,
		Example: `  kubectl jvmem compare orders-7c9f6b5d4-x2x7q orders-7c9f6b5d4-8kq2z
  kubectl jvmem compare --by revision -l app=orders --same-uptime`,
		RunE: func(cmd *cobra.Command, pods []string) error { return o.run(cmd.Context(), access, pods) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.by, "by", "", "group pods by revision, or by the label of this name")
	flags.StringVarP(&o.selector, "selector", "l", "", "label selector of pods, for --by")
	flags.StringVarP(&o.container, "container", "c", "", "container with the JVM, if a pod has several")
	flags.StringVarP(&o.output, "output", "o", "", "json; default: a table")
	flags.BoolVar(&o.sameUptime, "same-uptime", false, "compare at the uptime of the youngest JVM")
	flags.DurationVar(&o.timeout, "pod-timeout", 10*time.Second, "time that each pod gets to answer")
	return cmd
}

func (o *options) check(pods []string) error {
	switch {
	case o.output != "" && o.output != "json":
		return fmt.Errorf("unknown output %q: use json", o.output)
	case o.timeout <= 0:
		return errors.New("--pod-timeout must be positive")
	case o.by == "" && (len(pods) < 2 || o.selector != ""):
		return errors.New("name two pods or more, or use --by revision -l SELECTOR")
	case o.by != "" && (len(pods) > 0 || o.selector == ""):
		return errors.New("--by needs a selector (-l) and no names of pods")
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
	answers := proxy.Collect(ctx, targets, o.timeout, fleet.Progress(access.ErrOut, len(targets)))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	groups, notes, err := o.groups(answers)
	if err != nil {
		return err
	}
	var uptime *float64
	if o.sameUptime {
		var failed []string
		if uptime, failed, err = rewind(ctx, proxy, groups, o.timeout); err != nil {
			return err
		}
		notes = append(notes, failed...)
	}
	c := compare(time.Now(), groups)
	c.UptimeSeconds, c.Notes = uptime, append(notes, c.Notes...)
	if o.output == "json" {
		return c.WriteJSON(access.Out)
	}
	err = c.WriteTable(access.Out)
	c.WriteNotes(access.ErrOut)
	return err
}
