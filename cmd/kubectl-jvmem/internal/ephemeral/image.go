package ephemeral

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/sidecar"
)

const (
	injectLabel = "jvmem.io/inject"
	// maxPods bounds the search for an image.
	maxPods = 500
)

// FindImage returns the image of a sidecar: of a pod in the same namespace, else of one
// that the policy of the chart injected into any namespace.
func FindImage(ctx context.Context, c *kube.Client) (string, error) {
	for _, in := range []struct{ namespace, selector string }{{c.Namespace, ""}, {metav1.NamespaceAll, injectLabel + "=true"}} {
		pods, err := c.CoreV1().Pods(in.namespace).List(ctx, metav1.ListOptions{LabelSelector: in.selector, Limit: maxPods})
		if err != nil {
			continue // not permitted: an image can be set
		}
		for i := range pods.Items {
			if s := sidecar.Find(&pods.Items[i]); s != nil {
				return s.Image, nil
			}
		}
	}
	return "", errors.New("no image for the ephemeral container: set --image or JVMEM_IMAGE to the image of jvmem in your registry; no pod with the sidecar was found to take it from")
}
