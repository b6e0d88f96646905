package sidecar

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/threads"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/eventlog"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/httpapi"
	"github.com/jvmem/jvmem/sidecar/incidents"
	"github.com/jvmem/jvmem/sidecar/rows"
	"github.com/jvmem/jvmem/sidecar/sample"
)

// idleLoop returns a loop that observes no JVM and does not run, and its log.
func idleLoop(t *testing.T, o ServeOptions) (*loop, *strings.Builder) {
	t.Helper()
	remembered, err := history.Open(history.Options{Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := incidents.Open("")
	if err != nil {
		t.Fatal(err)
	}
	log := new(strings.Builder)
	o.Log, o.Proc = eventlog.New(log, "test"), t.TempDir()
	l := newLoop(o, &httpapi.State{History: remembered}, kept)
	t.Cleanup(l.close)
	return l, log
}

// TestRareSamples: that samples are rare is logged with its reason, and not where --max-cpu is
// not the reason.
func TestRareSamples(t *testing.T) {
	for limit, want := range map[float64]int{0: 0, 0.001: 1} {
		l, log := idleLoop(t, ServeOptions{Interval: 1, MaxCPU: limit})
		for range 3 { // samples with more than a nanosecond between them
			l.throttle.Begin(sample.Spent())
			l.cost()
		}
		if n := strings.Count(log.String(), "raise --max-cpu"); n != want {
			t.Errorf("--max-cpu %v: logged %d times, want %d: %s", limit, n, want, log)
		}
	}
}

// TestMissedReport: a container that is missing from some reports has the same incident
// afterwards, which is not logged again.
func TestMissedReport(t *testing.T) {
	o := ServeOptions{Interval: 10 * time.Second}
	l, log := idleLoop(t, o)
	start := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	var opened []time.Time
	for i := range 120 {
		r := breakdown.Report{Time: start.Add(time.Duration(i) * o.Interval)}
		if missing := i/10 == 8; !missing {
			live := 30 + 3*i
			j := breakdown.JVM{PID: 1, StartTicks: 5}
			j.Threads.Live, j.Threads.Pools = live, []threads.Pool{{Name: "leak-#", Count: live - 20}}
			c := breakdown.Container{
				Identity: rows.Identity{ID: "3f4c", CgroupVersion: 2}, UsageBytes: new(int64(300<<20 + i<<19)), ReclaimableBytes: new(int64(0)),
				LimitBytes: new(int64(1 << 30)), JVMs: []breakdown.JVM{j},
			}
			for _, name := range []rows.Name{rows.Threads, rows.Kernel} {
				c.Memory = append(c.Memory, breakdown.Row{Name: name, Bytes: new(int64(10<<20 + i<<18))})
			}
			r.Containers = append(r.Containers, c)
		}
		if err := l.history.Add(&r); err != nil {
			t.Fatal(err)
		}
		if err := l.judge(t.Context(), &r); err != nil {
			t.Fatal(err)
		}
		for _, v := range l.verdicts {
			for _, incident := range v.Incidents {
				opened = append(opened, incident.Opened)
			}
		}
	}
	for action, want := range map[string]int{"incident_opened": 1, "incident_confirmed": 1, "incident_closed": 0, "verdict_appeared": 1, "verdict_cleared": 0} {
		if n := strings.Count(log.String(), `"`+action+`"`); n != want {
			t.Errorf("%s is logged %d times, want %d", action, n, want)
		}
	}
	if all := slices.Compact(opened); len(all) != 1 {
		t.Errorf("opened at %v", all)
	}
	if t.Failed() {
		t.Log(log.String())
	}
}
