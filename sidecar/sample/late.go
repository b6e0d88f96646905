package sample

import (
	"context"
	"fmt"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// notAnswering is the source for a container that is still being read.
func (c *container) notAnswering(now time.Time) jvm.Source {
	source := jvm.Source{
		Name: "sample", PID: c.jvms[0].pid,
		Reason: fmt.Sprintf("the JVM has not answered for %.1f s", now.Sub(c.begun).Seconds()),
		Fix:    "find out why the JVM does not answer: it is stopped, in a long pause, or short of CPU",
	}
	if c.facts != nil {
		source.Reason += ": the rows were read at " + c.readAt.UTC().Format(time.TimeOnly) + " UTC"
	}
	return source
}

// Lend calls f with the JVMs of a container, in a goroutine of its own, and waits for it as
// Sample waits for a reading. The container is not read meanwhile. It returns false if f
// was not called, as the container is being read or is gone.
func (s *Sampler) Lend(ctx context.Context, of *breakdown.Container, f func(context.Context, []*jvm.Process)) bool {
	for _, c := range s.containers {
		if c.busy() || c.path.Name != of.Cgroup || c.path.Version != of.CgroupVersion {
			continue
		}
		s.start(c, lendDeadline, func(ctx context.Context, j job) result {
			return j.deferring(func() { f(ctx, j.jvms) })
		})
		var timeout <-chan time.Time
		if s.options.Patience > 0 {
			timeout = time.After(s.options.Patience)
		}
		select {
		case r := <-c.done:
			c.take(r, 0)
		case <-timeout:
		case <-ctx.Done():
		}
		return true
	}
	return false
}
