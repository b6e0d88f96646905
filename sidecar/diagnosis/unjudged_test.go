package diagnosis

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestNotCalm: where nothing is found, the sentence begins with what could not be judged, and
// with what is suspected.
func TestNotCalm(t *testing.T) {
	since := time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC)
	suspicion := []Incident{{Verdict: rows.VerdictDirectBuffers, State: Suspected, Since: since, Gained: 8 << 20, Waiting: "a collection"}}
	filling := []Incident{{
		Verdict: rows.VerdictHeap, State: Suspected, Since: since, Gained: 30 << 20, Needed: 38 << 20,
		IfLeak: &Forecast{Reached: HeapLimit, Seconds: 900, LowSeconds: 720, HighSeconds: 1200},
	}}
	full := []Incident{{
		Verdict: rows.VerdictHeap, State: Suspected, Since: since, Gained: 38 << 20, Needed: 38 << 20,
		leftLess: "the last collection of the old generation left 1.2 MiB of 10.5 MiB, less than before, as if a cache is full",
	}}
	known := []string{history.OldUsed, history.OldCollections, history.Classes}
	for _, c := range []struct {
		known     []string
		incidents []Incident
		growth    *Rate
		want      string
	}{
		{known, nil, nil, "no sustained growth"},
		{known, nil, &Rate{BytesPerHour: 9 << 20}, "no cause identified yet; unreclaimable memory grows: +9.0 MiB per hour"},
		{known, suspicion, nil, "suspected, not collected yet: direct buffer leak (direct ByteBuffers or Unsafe memory), +8.0 MiB since 2026-11-29 02:00 UTC, waiting for a collection; no other sustained growth"},
		{known, suspicion, &Rate{BytesPerHour: 9 << 20}, "suspected, not collected yet: direct buffer leak (direct ByteBuffers or Unsafe memory), +8.0 MiB since 2026-11-29 02:00 UTC, waiting for a collection; unreclaimable memory grows: +9.0 MiB per hour"},
		{known, filling, nil, "suspected, not confirmed: Java heap leak: memory that survives garbage collection grows, +30.0 MiB since 2026-11-29 02:00 UTC, a leak from +38.0 MiB on: until then a cache that fills looks the same; if it leaks, Java OutOfMemoryError expected in 15 min (12 min to 20 min); no other sustained growth"},
		{known, full, nil, "suspected, not confirmed: Java heap leak: memory that survives garbage collection grows, +38.0 MiB since 2026-11-29 02:00 UTC, the last collection of the old generation left 1.2 MiB of 10.5 MiB, less than before, as if a cache is full; no other sustained growth"},
		{nil, nil, nil, "not judged: Java heap (old generation unknown), class loaders (number of classes unknown); no sustained growth"},
	} {
		j := &judge{c: &history.Container{JVMs: make([]breakdown.JVM, 1)}, last: make(map[string]float64)}
		for _, name := range c.known {
			j.last[name] = 1
		}
		d := Diagnosis{Verdict: rows.VerdictNone, Growth: c.growth, Incidents: c.incidents, NotJudged: j.notJudged(c.incidents)}
		if got := j.summary(&d); got != c.want {
			t.Errorf("%q\nwant %q", got, c.want)
		}
	}
}

// TestSuspicionStays: from the first suspicion on, a leak is in each sentence, until it is the verdict.
func TestSuspicionStays(t *testing.T) {
	all := allServers(t)
	r := &all[slices.IndexFunc(all, func(r recording) bool { return strings.HasSuffix(r.File, "apps6-netty-cache-defaults.json.gz") })]
	var tracker Tracker
	var begin, since time.Time
	replay(t, r.open(t), func(millis int64, h *history.Container) {
		at := time.UnixMilli(millis)
		if begin.IsZero() {
			begin = at
		}
		d, _ := tracker.Judge(h)
		switch suspected := strings.Contains(d.Summary, "suspected, ") && strings.Contains(d.Summary, "; if it leaks, "); {
		case suspected && since.IsZero():
			since = at
		case !since.IsZero() && !suspected && d.Verdict != rows.VerdictHeap:
			t.Errorf("after %s: %s", at.Sub(begin), d.Summary)
		}
		if n := len(d.Incidents); n > 1 {
			t.Errorf("after %s: %d incidents", at.Sub(begin), n)
		}
	})
	if since.IsZero() || since.Sub(begin) > r.End.Sub(begin)/2 {
		t.Errorf("suspected after %s of %s", since.Sub(begin), r.End.Sub(begin))
	}
}
