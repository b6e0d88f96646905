package evidence

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/evidence"
	"github.com/jvmem/jvmem/jvm/evidence/cause"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

var leaking = &cause.Finding{
	Kind: cause.Threads, Total: 120, Seen: "jdk.ThreadStart, jdk.ThreadEnd",
	Causes: []cause.Cause{
		{Line: cause.Line{Class: "com.acme.OrderSync", Method: "connect", File: "OrderSync.java", Line: 42}, Count: 118, Share: 118. / 120, What: "order-\x1bsync-#", Stack: []string{"java.lang (2 frames)", "com.acme.OrderSync.connect(OrderSync.java:42)"}},
		{Line: cause.Line{Class: "com.acme.Other", Method: "run", File: "Other.java", Line: 7}, Count: 2, Share: 2. / 120},
	},
	From: time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 29, 8, 2, 0, 0, time.UTC),
}

// TestRecordingOfIncident: one recording for each incident and JVM, when it is confirmed.
func TestRecordingOfIncident(t *testing.T) {
	a := newAsked(t)
	a.allowed.Recordings = true
	a.of.Limited, a.of.LimitBytes, a.of.UsageBytes, a.of.ReclaimableBytes = new(true), new(int64(512<<20)), new(int64(300<<20)), new(int64(0))
	a.answers = []string{"stack"}
	starts, stops := 0, 0
	var theirs *cause.Finding
	a.Collector.start = func(_ context.Context, _ *jvm.Process, kind cause.Kind, o cause.Options, d time.Duration) (*cause.Finding, error) {
		if starts++; kind != cause.Threads || o != (cause.Options{}) || d != countTime {
			t.Errorf("%s, %+v, %s", kind, o, d)
		}
		return theirs, nil
	}
	var failed error
	a.stop = func(context.Context, *jvm.Process, cause.Kind) (*cause.Finding, error) {
		stops++
		return leaking, failed
	}
	leak := diagnosis.Finding{Verdict: rows.VerdictThreads, Subject: "a-#"}
	now := time.Now()
	const line = `started by com.acme.OrderSync.connect(OrderSync.java:42), 118 of 120 threads that stay (98 %): order-\x1bsync-#`
	step := func(name string, after time.Duration, wantStarts, wantStops int, begins string) {
		t.Helper()
		got := a.gather(t, now.Add(after), leak)
		if starts != wantStarts || stops != wantStops || !strings.HasPrefix(got, begins) {
			t.Errorf("%s: %d starts, %d stops, %q", name, starts, stops, got)
		}
	}
	if a.gatherAt(t, Suspected, now, leak); starts > 0 {
		t.Error("a suspicion was recorded")
	}
	step("confirmed", 0, 1, 0, "which line of code leaks is being recorded")
	step("meanwhile", countTime-time.Second, 1, 0, "which line")
	other := leak
	other.Subject = "b-#"
	if a.gather(t, now, other); starts > 1 {
		t.Error("two recordings at once")
	}
	step("at its end", countTime, 1, 1, line)
	step("later", 30*time.Minute, 1, 1, line)
	a.start(9999)
	step("restarted", 31*time.Minute, 2, 1, "which line")
	failed = errors.New("it has ended")
	step("failed", 40*time.Minute, 2, 2, "stack|it has ended")

	a.start(10_000)
	a.of.UsageBytes = new(int64(512<<20 - evidence.RecordingBytes + 1))
	step("no room", 41*time.Minute, 2, 2, "stack|no recording: JFR makes the JVM use 12 to 31 MiB for good, and only 48.0 MiB are left")
	a.start(10_001)
	a.of.UsageBytes = new(int64(300 << 20))
	theirs = leaking
	step("of somebody else", 42*time.Minute, 3, 2, line)
	a.of.UsageBytes = nil
	a.start(10_002)
	step("unknown", 43*time.Minute, 3, 2, "stack|no recording: it is unknown")

	a.allowed = Allowed{None: true}
	if got := a.gather(t, now, leak); got != "" {
		t.Errorf("with none: %q", got)
	}
}
