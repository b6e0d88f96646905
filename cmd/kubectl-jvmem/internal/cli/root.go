package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/compare"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/report"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/sizing"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/top"
)

// Run runs the plugin and returns its exit code.
func Run(ctx context.Context, version string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot(version, genericiooptions.IOStreams{In: stdin, Out: stdout, ErrOut: stderr})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if !errors.Is(err, context.Canceled) { // interrupted by its user
		fmt.Fprintf(stderr, "error: %s\n", fleet.Lines(err.Error()))
	}
	return 1
}

// newRoot returns the root command with all commands below it.
func newRoot(version string, streams genericiooptions.IOStreams) *cobra.Command {
	root := &cobra.Command{
		Use:           "kubectl-jvmem",
		Short:         "Show what uses the memory of JVMs in a cluster",
		Long:          "Show what uses the memory of JVMs in a cluster, what grows, and why a JVM was OOM killed.",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl jvmem"},
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	access := kube.NewAccess(version, streams)
	access.AddFlags(root.PersistentFlags())
	root.AddCommand(report.Commands(access)...)
	root.AddCommand(compare.NewCommand(access), sizing.NewCommand(access), top.NewCommand(access))
	root.CompletionOptions.DisableDefaultCmd = true // kubectl completes plugins by kubectl_complete-jvmem
	root.SetHelpTemplate(helpTemplate)
	root.SetUsageTemplate(usageTemplate)
	return root
}
