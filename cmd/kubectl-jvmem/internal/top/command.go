package top

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
)

type options struct {
	allNamespaces bool
	selector      string
	output        string
	timeout       time.Duration
}

// NewCommand returns the command top.
func NewCommand(access *kube.Access) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "top [-n NAMESPACE|-A] [-l SELECTOR]",
		Short: "List the JVM containers of many pods, the one that ends first at the top",
		Long: `List the JVM containers of all pods with the sidecar: limit, memory that the kernel
cannot reclaim, the row that grows most, verdict, time to the limit, OOM kills and the
age of the sample. The container that reaches its limit first is at the top; then come
confirmed incidents, and the rest by its share of the limit.

The sidecars are asked through the API server's proxy, 20 at a time. That needs the verb
list on pods and the verb get on pods/proxy. Pods that could not be asked are listed with
the reason. "-" is unknown. The exit code is 1 only if no pod could be asked.`,
		Example: `  kubectl jvmem top -n shop
  kubectl jvmem top -A -l app.kubernetes.io/part-of=shop -o wide`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), access) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "pods of all namespaces")
	flags.StringVarP(&o.selector, "selector", "l", "", "label selector of pods, as in kubectl get")
	flags.StringVarP(&o.output, "output", "o", "", "json or wide; default: a table")
	flags.DurationVar(&o.timeout, "pod-timeout", 5*time.Second, "time that each pod gets to answer")
	return cmd
}

func (o *options) run(ctx context.Context, access *kube.Access) error {
	if o.output != "" && o.output != "json" && o.output != "wide" {
		return fmt.Errorf("unknown output %q: use json or wide", o.output)
	}
	if o.timeout <= 0 {
		return errors.New("--pod-timeout must be positive")
	}
	client, err := access.Client(unlimited)
	if err != nil {
		return err
	}
	proxy, err := fleet.NewProxy(client.Config)
	if err != nil {
		return err
	}
	where := "namespace " + client.Namespace
	if o.allNamespaces {
		client.Namespace, where = metav1.NamespaceAll, "all namespaces"
	}
	targets, without, err := fleet.Find(ctx, client, client.Namespace, o.selector)
	if err != nil {
		return client.Explain(ctx, err, kube.Rule{Resource: "pods", Verb: "list"}, kube.Rule{Resource: "pods/proxy", Verb: "get"})
	}
	if len(targets) == 0 {
		return fmt.Errorf("no pod in %s has a container jvmem (%s without)", where, fleet.Pods(len(without)))
	}
	answers := proxy.Collect(ctx, targets, o.timeout, fleet.Progress(access.ErrOut, len(targets)))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	list := New(time.Now(), answers)
	for _, p := range without {
		list.WithoutSidecar = append(list.WithoutSidecar, Pod{p.Namespace, p.Name, p.Spec.NodeName})
	}
	return o.print(access, list)
}

// unlimited lifts client-go's limit of 5 requests a second for listing pods. The proxy
// has none.
func unlimited(c *rest.Config) { c.QPS, c.Burst = 50, 100 }

func (o *options) print(access *kube.Access, list *List) error {
	var err error
	if o.output == "json" {
		err = list.WriteJSON(access.Out)
	} else {
		err = list.WriteTable(access.Out, o.allNamespaces, o.output == "wide")
		list.WriteNotes(access.ErrOut)
	}
	if err == nil && len(list.Containers) == 0 {
		err = errors.New("no pod could be asked")
	}
	return err
}
