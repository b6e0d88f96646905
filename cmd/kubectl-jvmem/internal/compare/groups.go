package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet"
)

// groups returns a group for each pod, or one for each revision, the oldest first. Pods
// that were named must all answer.
func (o *options) groups(answers []fleet.Answer) (groups []group, notes []string, err error) {
	slices.SortStableFunc(answers, func(a, b fleet.Answer) int {
		if o.by == "" {
			return 0 // in the order of the command line
		}
		return cmp.Or(a.Pod.CreationTimestamp.Compare(b.Pod.CreationTimestamp.Time), cmp.Compare(a.Name(), b.Name()))
	})
	for i := range answers {
		a := &answers[i]
		s, err := newSnapshot(a, o.container)
		if err != nil && o.by == "" {
			return nil, nil, err
		}
		if err != nil {
			notes = append(notes, "left out: "+err.Error())
			continue
		}
		name := o.groupOf(a.Pod)
		if name == "" {
			notes = append(notes, fmt.Sprintf("left out: pod %s has no label for --by %s", a.Name(), o.by))
			continue
		}
		k := slices.IndexFunc(groups, func(g group) bool { return g.name == name })
		if k < 0 || o.by == "" {
			k, groups = len(groups), append(groups, group{name: name})
		}
		groups[k].snapshots = append(groups[k].snapshots, s)
	}
	switch {
	case len(groups) == 0:
		err = errors.New("no pod could be compared")
	case len(groups) == 1:
		err = fmt.Errorf("all pods are of the group %s (%s): there is nothing to compare them with", groups[0].name, fleet.Pods(len(groups[0].snapshots)))
	}
	for _, note := range notes {
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, note)
		}
	}
	return groups, notes, err
}

func (o *options) groupOf(pod *corev1.Pod) string {
	switch o.by {
	case "":
		return pod.Name
	case "revision": // of a Deployment's ReplicaSet; of a StatefulSet or DaemonSet
		return cmp.Or(pod.Labels["pod-template-hash"], pod.Labels["controller-revision-hash"])
	}
	return pod.Labels[o.by]
}

// rewind takes all snapshots back to the uptime of the youngest JVM. What has no history of
// that time is left out, and named.
func rewind(ctx context.Context, proxy *fleet.Proxy, groups []group, timeout time.Duration) (uptime *float64, failed []string, err error) {
	youngest := math.Inf(1)
	for _, g := range groups {
		for _, s := range g.snapshots {
			if s.uptime != nil {
				youngest = min(youngest, *s.uptime)
			}
		}
	}
	for i := range groups {
		g := &groups[i]
		g.snapshots = slices.DeleteFunc(g.snapshots, func(s *snapshot) bool {
			problem := s.rewind(ctx, proxy, youngest, timeout)
			if problem != nil {
				failed = append(failed, "left out: "+problem.Error())
			}
			return problem != nil
		})
		if len(g.snapshots) == 0 {
			return nil, nil, fmt.Errorf("%s cannot be compared at the same uptime: %s", g.name, failed[len(failed)-1])
		}
	}
	return &youngest, failed, ctx.Err()
}
