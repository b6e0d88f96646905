package report

import (
	"os"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/ephemeral"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
)

const (
	imageVariable    = "JVMEM_IMAGE"
	passwordVariable = "JVMEM_PASSWORD"
	// defaultFor is how long an ephemeral container observes, so that the next command has
	// a history; an open page is looked at for longer.
	defaultFor, defaultPageFor = 10 * time.Minute, time.Hour
)

// options are the flags of the commands.
type options struct {
	*kube.Access
	container string
	webUser   string
	dryRun    bool

	// Of ephemeral containers.
	ephemeral bool // also if there is a sidecar
	image     string
	runAs     string
	lasts     time.Duration // it is needed
	newLasts  time.Duration // that of a new one, at least
}

func (o *options) define(c *cobra.Command, ephemerals bool) {
	flags := c.Flags()
	flags.SortFlags = false
	o.newLasts = defaultFor
	flags.StringVarP(&o.container, "container", "c", "", "container with the JVM; without a sidecar it is required if the pod has several")
	flags.StringVar(&o.webUser, "web-user", "", "user for basic auth, if the sidecar requires it; the password is read from the environment variable "+passwordVariable)
	flags.BoolVar(&o.dryRun, "dry-run", false, "print the kubectl commands that do the same, and change nothing")
	if !ephemerals {
		return
	}
	flags.BoolVar(&o.ephemeral, "ephemeral", false, "use an ephemeral container even if the pod has a sidecar")
	flags.StringVar(&o.image, "image", os.Getenv(imageVariable), "image of the ephemeral container (environment variable "+imageVariable+"); default: that of a sidecar in the cluster")
	flags.StringVar(&o.runAs, "run-as", "", "UID:GID of the JVM, for the ephemeral container; default: found by itself")
}

// client connects to the cluster. Its few requests need no rate limit.
func (o *options) client() (*kube.Client, error) {
	return o.Client(func(c *rest.Config) { c.QPS = -1 })
}

func (o *options) user() (*ephemeral.User, error) {
	if o.runAs == "" {
		return nil, nil
	}
	user, err := ephemeral.ParseUser(o.runAs)
	return &user, err
}
