package report

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// An ephemeral container first starts to listen, then finds the JVM; a JVM of another user is
// looked for by --user=jvm before anything is answered.
const (
	awaitTimeout  = 20 * time.Second
	awaitInterval = 300 * time.Millisecond
)

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

// await waits until jvmem reports a JVM, if it was just started. The error says why there is
// none.
func (c *connection) await(ctx context.Context, container string, started bool) error {
	end := time.Now().Add(awaitTimeout)
	for {
		var b breakdown
		err := c.decode(ctx, "/breakdown?format=json", &b)
		if err == nil {
			err = b.check(container)
		}
		var status *statusError
		if err == nil || errors.As(err, &status) && status.code != http.StatusServiceUnavailable {
			return err
		}
		if !started || ctx.Err() != nil {
			return err
		}
		if time.Now().After(end) {
			if status != nil {
				err = errors.New(status.text) // it waits for a JVM
			}
			return fmt.Errorf("no HotSpot JVM was found in container %s within %s: %w", container, awaitTimeout, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(awaitInterval):
		}
	}
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
