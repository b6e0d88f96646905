package evidence

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/evidence/owners"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// looked has the looks at native memory that were asked for.
type looked struct {
	taken int
	since []*owners.Snapshot
	err   error
}

func (l *looked) looker() looker {
	return looker{
		take: func(int) (*owners.Snapshot, error) {
			l.taken++
			return &owners.Snapshot{PID: l.taken, Complete: true}, l.err
		},
		find: func(_ int, since *owners.Snapshot) (*owners.Report, error) {
			l.since = append(l.since, since)
			if l.err != nil {
				return nil, l.err
			}
			return &owners.Report{Complete: true, Now: &owners.Snapshot{PID: 100, Time: time.Now()}}, nil
		},
	}
}

// TestBaseline: the first one is taken 5 minutes after the start, the next ones hourly until
// native memory is suspected to leak, and the older of two is what a look is compared with.
func TestBaseline(t *testing.T) {
	a, l := newAsked(t), &looked{}
	a.look = l.looker()
	uptime := 0.0
	a.of.JVMs[0].UptimeSeconds = &uptime
	begun := time.Now()
	at := func(minutes float64) time.Time {
		uptime = 60 * minutes
		return begun.Add(time.Duration(minutes * float64(time.Minute)))
	}
	for _, step := range []struct {
		minute float64
		taken  int
	}{{1, 0}, {4.9, 0}, {5, 1}, {5.2, 1}, {64, 1}, {65, 2}, {66, 2}, {125, 3}} {
		a.Baseline(t.Context(), at(step.minute), &a.of)
		if l.taken != step.taken {
			t.Errorf("at minute %v: %d baselines, want %d", step.minute, l.taken, step.taken)
		}
	}
	if looks := a.Looks(&a.of); len(looks) != 1 || looks[0].PID != 3 {
		t.Errorf("the last look is %+v, want the baseline", looks)
	}
	a.find = a.queryFor
	a.Gather(t.Context(), at(130), &a.of, &diagnosis.Finding{Verdict: rows.VerdictNativeUntracked}, Suspected)
	if len(l.since) != 1 || l.since[0] == nil || l.since[0].PID != 2 {
		t.Errorf("compared with %+v", l.since)
	}
	if looks := a.Looks(&a.of); len(looks) != 1 || looks[0].PID != 100 {
		t.Errorf("the last look is %+v, want that on suspicion", looks)
	}
	if a.Baseline(t.Context(), at(186), &a.of); l.taken != 3 {
		t.Error("a baseline was taken while native memory is suspected to leak")
	}
}

// TestOwnersWithoutBaseline: the second look is compared with the first.
func TestOwnersWithoutBaseline(t *testing.T) {
	a, l := newAsked(t), &looked{}
	a.look, a.find = l.looker(), a.queryFor
	leak := diagnosis.Finding{Verdict: rows.VerdictDirectBuffers}
	now := time.Now()
	for i, stage := range []Stage{Suspected, Confirmed, Confirmed} {
		if g := a.Gather(t.Context(), now.Add(time.Duration(i)*time.Hour/2), &a.of, &leak, stage); g == nil || len(g.Owners) != 1 {
			t.Errorf("%+v", g)
		}
	}
	if len(l.since) != 2 || l.since[0] != nil || l.since[1] == nil || l.since[1].PID != 100 {
		t.Errorf("compared with %+v", l.since)
	}
}

// TestOwnersFail: what the JVM reports remains, and the reason is told.
func TestOwnersFail(t *testing.T) {
	a, l := newAsked(t), &looked{err: errors.New("the allocator is unknown")}
	a.look, a.find = l.looker(), a.queryFor
	g := a.Gather(t.Context(), time.Now(), &a.of, &diagnosis.Finding{Verdict: rows.VerdictUnexplained}, Suspected)
	if g == nil || !strings.Contains(g.Failed, "owners of native memory: the allocator is unknown") || len(g.Owners) != 0 {
		t.Errorf("%+v", g)
	}
}
