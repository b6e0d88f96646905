package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Rule is a permission in a namespace. The resource is of the core API group.
type Rule struct{ Resource, Verb string }

// ErrPolicy means that the user has the permission, but an admission policy, such as Pod
// Security, refused the object.
var ErrPolicy = errors.New("refused by a policy of the cluster")

// Explain returns err, with the rules that the user lacks if they are its cause.
// needed has all that the command needs, so that one answer names all that are missing.
func (c *Client) Explain(ctx context.Context, err error, needed ...Rule) error {
	// Some errors of client-go only have the text of the status.
	if err == nil || !apierrors.IsForbidden(err) && !strings.Contains(err.Error(), "forbidden") {
		return err
	}
	var missing []Rule
	for _, rule := range needed {
		allowed, checkErr := c.allowed(ctx, rule)
		if checkErr != nil {
			return err // the server's own words must do
		}
		if !allowed {
			missing = append(missing, rule)
		}
	}
	if len(missing) == 0 {
		return fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	return &MissingError{Namespace: c.Namespace, Rules: missing, Err: err}
}

func (c *Client) allowed(ctx context.Context, rule Rule) (bool, error) {
	resource, subresource, _ := strings.Cut(rule.Resource, "/")
	review, err := c.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: c.Namespace, Verb: rule.Verb, Resource: resource, Subresource: subresource,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

// MissingError means that RBAC does not permit a request.
type MissingError struct {
	Namespace string
	Rules     []Rule
	Err       error
}

func (e *MissingError) Error() string {
	var b strings.Builder
	where := fmt.Sprintf("Role of namespace %q (or a ClusterRole)", e.Namespace)
	if e.Namespace == metav1.NamespaceAll {
		where = "ClusterRole"
	}
	fmt.Fprintf(&b, "%v\n\nThese rules are missing in a %s that is bound to your user:\n", e.Err, where)
	for _, rule := range e.Rules {
		fmt.Fprintf(&b, "\n- apiGroups: [\"\"]\n  resources: [%q]\n  verbs: [%q]", rule.Resource, rule.Verb)
	}
	return b.String()
}

func (e *MissingError) Unwrap() error { return e.Err }
