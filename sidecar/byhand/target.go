package byhand

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/sample"
)

// target is the one JVM that the user means.
type target struct {
	sampler *sample.Sampler
	before  breakdown.Container // as it was read by open
	jvm     *breakdown.JVM      // of before
}

// open reads the containers, and returns the only JVM, or that of Options.PID.
func open(ctx context.Context, o sample.Options) (*target, error) {
	sampler := sample.New(o)
	report, err := sampler.Sample(ctx)
	if err != nil {
		_ = sampler.Close() // the first error counts
		return nil, err
	}
	var found []*target
	var pids []string
	for i := range report.Containers {
		c := &report.Containers[i]
		for j := range c.JVMs {
			if o.PID == 0 || c.JVMs[j].PID == o.PID {
				found = append(found, &target{sampler, *c, &c.JVMs[j]})
				pids = append(pids, fmt.Sprint(c.JVMs[j].PID))
			}
		}
	}
	if len(found) != 1 {
		_ = sampler.Close() // the first error counts
		return nil, fmt.Errorf("%d JVMs (%s)\n  fix: select one with --pid", len(found), strings.Join(pids, ", "))
	}
	return found[0], nil
}

func (t *target) close() { _ = t.sampler.Close() } // nothing was written

// use calls f with the JVM, which is not read meanwhile, and returns its error. It waits for f
// also after the end of ctx: f ends what it began, such as a recording.
func (t *target) use(ctx context.Context, f func(*jvm.Process) error) error {
	err := jvm.ErrGone
	lent := t.sampler.Lend(context.WithoutCancel(ctx), &t.before, func(_ context.Context, jvms []*jvm.Process) {
		for _, p := range jvms {
			if p.Status().PID == t.jvm.PID {
				err = f(p)
			}
		}
	})
	if !lent {
		return errors.New("the container is gone")
	}
	return err
}

// unanswered returns why the JVM did not answer.
func (t *target) unanswered() error {
	for _, s := range t.before.Sources {
		if s.Name == jvm.SourceAttach && !s.OK {
			return fmt.Errorf("%s\n  fix: %s", s.Reason, s.Fix)
		}
	}
	return errors.New("jvmem breakdown has the reason")
}

// again reads the container once more.
func (t *target) again(ctx context.Context) (*breakdown.Container, error) {
	report, err := t.sampler.Sample(ctx)
	if err != nil {
		return nil, err
	}
	for i := range report.Containers {
		if report.Containers[i].Key() == t.before.Key() {
			return &report.Containers[i], nil
		}
	}
	return nil, jvm.ErrGone
}
