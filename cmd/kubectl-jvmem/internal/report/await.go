package report

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/sidecar"
)

const (
	// An ephemeral container first starts to listen, then finds the JVM; a JVM of another
	// user is looked for by --user=jvm before anything is answered.
	ephemeralPatience = 20 * time.Second
	// A sidecar may see a JVM some seconds after the container started.
	youngPatience = 10 * time.Second
	youngAge      = 30 * time.Second
	awaitInterval = 300 * time.Millisecond
)

// patience returns how long jvmem may take to report a JVM in the pod; container may be "".
// If the clock of this machine is wrong, a missing JVM is reported too early or too late.
func patience(pod *corev1.Pod, s *sidecar.Sidecar, container string, now time.Time) time.Duration {
	if !s.Ends.IsZero() {
		return ephemeralPatience
	}
	for i := range pod.Status.ContainerStatuses {
		status := &pod.Status.ContainerStatuses[i]
		if status.Name == sidecar.Name || container != "" && status.Name != container {
			continue
		}
		if r := status.State.Running; r != nil && now.Sub(r.StartedAt.Time) < youngAge {
			return youngPatience
		}
	}
	return 0
}

// breakdown has the fields of jvmem.breakdown/v1 that are needed here.
type breakdown struct {
	Containers []struct {
		Name       string `json:"name"`
		LimitBytes *int64 `json:"limit_bytes"`
		UsageBytes *int64 `json:"usage_bytes"`
		Now        *struct {
			UsageBytes *int64 `json:"usage_bytes"`
		} `json:"now"`
	} `json:"containers"`
	Sources []struct {
		Reason string `json:"reason"`
		Fix    string `json:"fix"`
	} `json:"sources"`
}

// await waits until jvmem reports a JVM, as long as its patience lasts. It calls waits if the
// first look finds none. The error says why there is none.
func (c *connection) await(ctx context.Context, container string, patience time.Duration, waits func()) error {
	end := time.Now().Add(patience)
	for first := true; ; first = false {
		var b breakdown
		err := c.decode(ctx, "/breakdown?format=json", &b)
		if err == nil {
			err = b.check(container)
		}
		var status *statusError
		if err == nil || errors.As(err, &status) && status.code != http.StatusServiceUnavailable {
			return err
		}
		if patience == 0 || ctx.Err() != nil {
			return err
		}
		if first {
			waits()
		}
		if time.Now().After(end) {
			if status != nil {
				err = errors.New(status.text) // it waits for a JVM
			}
			return fmt.Errorf("no HotSpot JVM was found in %s within %s: %w", place(container), patience, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(awaitInterval):
		}
	}
}

func place(container string) string {
	if container == "" {
		return "the pod"
	}
	return "container " + container
}

// check returns an error if the container is not there.
func (b *breakdown) check(container string) error {
	var names []string
	for i := range b.Containers {
		names = append(names, b.Containers[i].Name)
	}
	switch {
	case len(names) == 0:
		err := errors.New("jvmem found no HotSpot JVM in the pod")
		for _, s := range b.Sources {
			err = fmt.Errorf("%w\n  %s", err, s.Reason)
			if s.Fix != "" {
				err = fmt.Errorf("%w\n  fix: %s", err, s.Fix)
			}
		}
		return err
	case container != "" && !slices.Contains(names, container) && !slices.Contains(names, ""): // "": its name is unknown
		return fmt.Errorf("jvmem found no HotSpot JVM in container %s: there is one in %s", container, strings.Join(names, ", "))
	}
	return nil
}
