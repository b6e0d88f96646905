package fleet

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// atOnce is how many pods are asked at a time.
	atOnce = 20
	// maxReply bounds the replies: with 200 pools of threads /breakdown has 40 KB, and
	// /diagnosis 3 KB; with 16 containers both have 16 times as much.
	maxReply = 1 << 20

	breakdownSchema = "jvmem.breakdown/v1"
	diagnosisSchema = "jvmem.diagnosis/v1"
)

// Answer is what a sidecar reports.
type Answer struct {
	Target
	Breakdown *Breakdown
	Diagnosis *Diagnosis
	// NoVerdict is why Diagnosis is nil, although there is a Breakdown.
	NoVerdict *Problem
	// At is the sidecar's clock when it answered, so that ages do not depend on how the
	// clocks of the nodes and of this machine differ.
	At time.Time
}

// Collect asks all targets, each within the timeout, and returns their answers in the same
// order. done is called after each one, also concurrently.
func (p *Proxy) Collect(ctx context.Context, targets []Target, timeout time.Duration, done func()) []Answer {
	answers := make([]Answer, len(targets))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range targets {
		group.Go(func() error {
			answers[i] = p.ask(ctx, targets[i], timeout)
			done()
			return nil
		})
	}
	_ = group.Wait() // no function returns an error
	return answers
}

// ask requests both documents at once: what takes time is the way to the pod.
func (p *Proxy) ask(ctx context.Context, t Target, timeout time.Duration) Answer {
	a := Answer{Target: t}
	if t.Problem != nil {
		return a
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var both sync.WaitGroup
	both.Go(func() {
		var d Diagnosis
		if _, problem := p.document(ctx, &t, "diagnosis", diagnosisSchema, &d); problem != nil {
			a.NoVerdict = problem
			return
		}
		a.Diagnosis = &d
	})
	both.Go(func() {
		var b Breakdown
		at, problem := p.document(ctx, &t, "breakdown", breakdownSchema, &b)
		switch {
		case problem != nil:
			a.Problem = problem
		case len(b.Containers) == 0:
			a.Problem = &Problem{NoJVM, "the sidecar has found no JVM yet, or it has ended", "see kubectl logs POD -c jvmem"}
		default:
			a.Breakdown, a.At = &b, at
		}
	})
	both.Wait()
	return a
}

func (p *Proxy) document(ctx context.Context, t *Target, path, schema string, into any) (time.Time, *Problem) {
	r, problem := p.get(ctx, t, path, nil, maxReply)
	if problem != nil {
		return time.Time{}, problem
	}
	if err := decode(r.body, schema, into); err != nil {
		return time.Time{}, &Problem{Reason: BadReply, Detail: Printable(err.Error(), maxLine)}
	}
	return r.at, nil
}
