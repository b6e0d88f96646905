package kube

import (
	"fmt"

	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Access is what every command needs: the flags that select a cluster, and the terminal.
type Access struct {
	genericiooptions.IOStreams
	flags *genericclioptions.ConfigFlags
}

// NewAccess returns an Access with the defaults of kubectl.
func NewAccess(version string, streams genericiooptions.IOStreams) *Access {
	flags := genericclioptions.NewConfigFlags(true).WithWrapConfigFn(func(c *rest.Config) *rest.Config {
		c.UserAgent = "kubectl-jvmem/" + version
		return c
	})
	return &Access{streams, flags}
}

// AddFlags defines --namespace, --context, --kubeconfig and the other flags of kubectl that
// select a cluster and a user.
func (a *Access) AddFlags(flags *pflag.FlagSet) { a.flags.AddFlags(flags) }

// Selection returns the flags that select the same cluster and namespace in a command line.
func (a *Access) Selection(c *Client) []string {
	selection := []string{"--namespace=" + c.Namespace}
	if context := *a.flags.Context; context != "" {
		selection = append(selection, "--context="+context)
	}
	if path := *a.flags.KubeConfig; path != "" {
		selection = append(selection, "--kubeconfig="+path)
	}
	return selection
}

// Client is a connection to the selected cluster.
type Client struct {
	kubernetes.Interface
	Config    *rest.Config
	Namespace string // selected by --namespace, else by the context
}

// Client connects to the cluster that the flags select. adjust, which may be nil, changes
// the configuration first, for example its rate limit.
func (a *Access) Client(adjust func(*rest.Config)) (*Client, error) {
	namespace, _, err := a.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	config, err := a.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	if adjust != nil {
		adjust(config)
	}
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	return &Client{set, config, namespace}, nil
}
