package sidecar

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/evidence"
	"github.com/jvmem/jvmem/sidecar/rows"
	"github.com/jvmem/jvmem/sidecar/sample"
)

// TestLiveOwnerInVerdict: the verdict on Deflaters without end() names zlib and the Java class, for
// a JVM that refuses attach, with what is new since the baseline.
func TestLiveOwnerInVerdict(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m", "-XX:+DisableAttachMechanism"}})
	s := sample.New(sample.Options{Proc: "/proc", PID: j.PID})
	defer s.Close()
	j.Do("deflaters 4")
	report, err := s.Sample(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := &report.Containers[0]
	c.JVMs[0].UptimeSeconds = new(600.0)
	collector := evidence.New("/proc", evidence.Allowed{}, s.Lend)
	now := time.Now()
	collector.Baseline(t.Context(), now, c)
	j.Do("deflaters 80")
	// Objects that the collector moves while they are read are missed: then nothing is named.
	for attempt := range 10 {
		leak := diagnosis.Finding{Verdict: rows.VerdictNativeUntracked, Subject: strconv.Itoa(attempt)}
		leak.Gathered = collector.Gather(t.Context(), now, c, &leak, evidence.Confirmed)
		if g := leak.Gathered; g == nil || len(g.Owners) != 1 || g.Owners[0].Since == nil {
			t.Fatalf("no owners since the baseline: %+v", g)
		}
		d := diagnosis.Diagnosis{Verdict: leak.Verdict, Summary: diagnosis.Phrase(leak.Verdict, "") + ", +20 MiB", Findings: []diagnosis.Finding{leak}}
		d.NameCause()
		if strings.HasPrefix(d.Summary, "libz (java.util.zip.Deflater") && strings.Contains(d.Summary, " leaks native memory, +20 MiB; ") {
			return
		}
		t.Logf("%s\n%s", d.Summary, strings.Join(leak.Gathered.Text, "\n"))
		if strings.Contains(d.Summary, " leaks native memory") {
			t.Fatal("a wrong owner is named")
		}
	}
	t.Error("no owner was named")
}
