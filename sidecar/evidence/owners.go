package evidence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/evidence/owners"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// firstBaseline is the uptime of a JVM at its first baseline: what it keeps for good is
	// mostly allocated by then.
	firstBaseline = 5 * time.Minute
	// nextBaseline is the time between two.
	nextBaseline = time.Hour
)

// looker looks at the native memory of a JVM: package owners, or a fault in tests.
type looker struct {
	take func(pid int) (*owners.Snapshot, error)
	find func(pid int, since *owners.Snapshot) (*owners.Report, error)
}

func newLooker(proc string) looker {
	return looker{
		take: func(pid int) (*owners.Snapshot, error) {
			return owners.Take(owners.Target{Proc: proc, PID: pid}, owners.DefaultBudget())
		},
		find: func(pid int, since *owners.Snapshot) (*owners.Report, error) {
			return owners.Find(owners.Target{Proc: proc, PID: pid}, since, owners.DefaultBudget())
		},
	}
}

// baseline is what the native memory of a JVM is compared with. The older of the two is
// used: it was taken an hour ago or more, if the JVM runs that long.
type baseline struct {
	older, newer *owners.Snapshot
	taken        time.Time // when the last one was due
	seen         time.Time
}

func (b *baseline) oldest() *owners.Snapshot {
	if b.older != nil {
		return b.older
	}
	return b.newer
}

// Baseline takes a baseline of the native memory of the JVMs that are due: 5 minutes after
// their start, then hourly, but not while that memory is suspected to leak. A look reads
// all headers of malloc, 0.4 to 0.8 s of CPU time for each GiB, and no block changes.
func (c *Collector) Baseline(ctx context.Context, now time.Time, of *breakdown.Container) {
	if c.allowed.None {
		return
	}
	c.pollBaselines(now)
	due := make(map[process]bool)
	for _, j := range of.JVMs {
		if j.UptimeSeconds == nil || *j.UptimeSeconds < firstBaseline.Seconds() {
			continue
		}
		p := process{j.PID, j.StartTicks}
		b := c.baselines[p]
		if b == nil {
			b = &baseline{}
			c.baselines[p] = b
		}
		b.seen = now
		if now.Sub(b.taken) >= nextBaseline {
			due[p] = true
		}
	}
	if len(due) == 0 || c.takes != nil || c.suspects(of) {
		return
	}
	c.takes = lendDue(ctx, c.lend, of, due, func(_ context.Context, p *jvm.Process, _ process) *owners.Snapshot {
		// Without one, a later look reports all that is in use; with one that is not
		// complete, it says so.
		if s, err := c.look.take(p.Status().PID); err == nil {
			return s
		}
		return nil
	})
	if c.takes == nil {
		return
	}
	for p := range due {
		c.baselines[p].taken = now
	}
	c.pollBaselines(now)
}

// suspects reports whether native memory of a container is suspected to leak.
func (c *Collector) suspects(of *breakdown.Container) bool {
	for k := range c.incidents {
		if k.container == of.Key() && native(k.verdict) {
			return true
		}
	}
	return false
}

// native reports whether a verdict is about memory whose owners can be found.
func native(v rows.Verdict) bool {
	return v == rows.VerdictNativeUntracked || v == rows.VerdictDirectBuffers || v == rows.VerdictUnexplained
}

// pollBaselines takes the snapshots that have arrived, and forgets JVMs that are gone.
func (c *Collector) pollBaselines(now time.Time) {
	select {
	case all := <-c.takes: // nil blocks
		c.takes = nil
		for p, s := range all {
			if b := c.baselines[p]; b != nil && s != nil {
				b.older, b.newer = b.newer, s
			}
		}
	default:
	}
	for p, b := range c.baselines {
		if now.Sub(b.seen) > nextBaseline {
			delete(c.baselines, p)
		}
	}
}

// nativeMemory queries the arenas of malloc, and looks for the owners of what is in them.
func (c *Collector) nativeMemory(before map[process]*owners.Snapshot) query {
	return func(ctx context.Context, p *jvm.Process, earlier reading) (reading, error) {
		r, err := nativeHeap(ctx, p, earlier)
		status := p.Status()
		since := before[process{status.PID, status.StartTicks}]
		if since == nil && earlier.owners != nil {
			since = earlier.owners.Now
		}
		report, problem := c.look.find(status.PID, since)
		if report == nil {
			return r, errors.Join(err, fmt.Errorf("owners of native memory: %w", problem))
		}
		r.owners = report
		r.lines = append(r.lines, report.Lines()...)
		return r, nil // without the arenas it is not worth another look
	}
}

// Looks returns the last look at the native memory of each JVM of a container that was looked
// at, for whatever reason.
func (c *Collector) Looks(of *breakdown.Container) []*owners.Snapshot {
	var all []*owners.Snapshot
	for _, j := range of.JVMs {
		p := process{j.PID, j.StartTicks}
		var last *owners.Snapshot
		if b := c.baselines[p]; b != nil {
			last = b.newer
		}
		for _, i := range c.incidents {
			if r := i.answers[p].owners; r != nil && (last == nil || r.Now.Time.After(last.Time)) {
				last = r.Now
			}
		}
		if last != nil {
			all = append(all, last)
		}
	}
	return all
}

// oldestBaselines returns what each JVM of a container is compared with.
func (c *Collector) oldestBaselines() map[process]*owners.Snapshot {
	all := make(map[process]*owners.Snapshot)
	for p, b := range c.baselines {
		if s := b.oldest(); s != nil {
			all[p] = s
		}
	}
	return all
}
