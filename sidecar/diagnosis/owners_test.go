package diagnosis

import (
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/evidence/cause"
	"github.com/jvmem/jvmem/jvm/evidence/owners"
	"github.com/jvmem/jvmem/sidecar/rows"
)

func TestNameCause(t *testing.T) {
	since := time.Date(2026, 11, 29, 7, 0, 0, 0, time.UTC)
	zlib := owners.Owner{
		Relation: owners.PointsTo, Library: "libz.so.1.2.13", JavaClass: "java.util.zip.Deflater$DeflaterZStreamRef", Share: 0.97,
		Amount: owners.Amount{Blocks: 800}, Sizes: []owners.Size{{BlockBytes: 65_552, Blocks: 800}}, Threads: []string{"http-nio-#"},
	}
	text := owners.Owner{Share: 0.96, Amount: owners.Amount{Blocks: 57_700}, Sizes: []owners.Size{{BlockBytes: 1008, Blocks: 57_700}}}
	buffers := owners.Owner{
		Relation: owners.ReferredTo, JavaClass: "java.nio.DirectByteBuffer", Share: 0.9,
		Amount: owners.Amount{Blocks: 30}, Sizes: []owners.Size{{BlockBytes: 1_048_592, Blocks: 30}},
	}
	small := zlib
	small.Share = 0.4
	for _, tt := range []struct {
		name    string
		verdict rows.Verdict
		owner   owners.Owner
		want    string
	}{
		{"named", rows.VerdictNativeUntracked, zlib, "libz (java.util.zip.Deflater) leaks native memory, +30.0 MiB since then" +
			"; 800 blocks of 65,552 bytes, 97 % of the growth, which point into libz.so.1.2.13, referred to by Deflater$DeflaterZStreamRef" +
			"; in the malloc arenas of threads http-nio-#"},
		{"not named", rows.VerdictNativeUntracked, text, phrases[rows.VerdictNativeUntracked] + ", +30.0 MiB since then" +
			"; 57,700 blocks of 1,008 bytes, 96 % of the growth, that nothing known refers to; third-party libraries loaded: libfoo.so, libbar.so.2"},
		{"direct buffers", rows.VerdictDirectBuffers, buffers, phrases[rows.VerdictDirectBuffers] + ", +30.0 MiB since then" +
			"; java.nio.DirectByteBuffer: 30 blocks of 1,048,592 bytes, 90 % of the growth, referred to by DirectByteBuffer"},
		{"one of many", rows.VerdictNativeUntracked, small, phrases[rows.VerdictNativeUntracked] + ", +30.0 MiB since then"},
	} {
		report := owners.Report{Since: &since, Owners: []owners.Owner{tt.owner}, Libraries: []string{"libfoo.so", "libbar.so.2"}}
		d := Diagnosis{
			Verdict: tt.verdict, Summary: phrases[tt.verdict] + ", +30.0 MiB since then",
			Findings: []Finding{{Verdict: tt.verdict, Gathered: &Gathered{Owners: []*owners.Report{{Since: &since}, &report}}}},
		}
		report.Growth.ResidentBytes = 30 << 20
		if named := d.NameCause(); d.Summary != tt.want || named != (tt.owner.Name() != "" && tt.owner.Share > leading) {
			t.Errorf("%s:\n%s, want\n%s", tt.name, d.Summary, tt.want)
		}
	}
}

// TestNameLine: the line that a recording shows is in the summary, what none shows is not.
func TestNameLine(t *testing.T) {
	line := cause.Cause{Line: cause.Line{Class: "com.acme.OrderSync", Method: "connect", File: "OrderSync.java", Line: 42}, Count: 118, Share: 118. / 120, What: "order-#"}
	d := Diagnosis{
		Verdict: rows.VerdictThreads, Subject: "order-#", Summary: "thread leak (order-#), +118 threads since then",
		Findings: []Finding{{Verdict: rows.VerdictThreads, Gathered: &Gathered{Causes: []*cause.Finding{
			{Kind: cause.Threads, Reason: "3 threads are too few"}, {Kind: cause.Threads, Total: 120, Causes: []cause.Cause{line}},
		}}}},
	}
	const want = "thread leak (order-#), started by com.acme.OrderSync.connect(OrderSync.java:42), 118 of 120 threads that stay (98 %); +118 threads since then"
	if !d.NameCause() || d.Summary != want {
		t.Error(d.Summary)
	}
	d.Findings[0].Gathered.Causes = d.Findings[0].Gathered.Causes[:1]
	if d.Summary = "threads leak"; d.NameCause() || d.Summary != "threads leak" {
		t.Error(d.Summary)
	}
}

// TestOwnersOf: the latest look at each JVM counts.
func TestOwnersOf(t *testing.T) {
	at := func(pid, minute int) *owners.Report {
		return &owners.Report{PID: pid, Time: time.Date(2026, 11, 29, 7, minute, 0, 0, time.UTC)}
	}
	d := Diagnosis{
		Findings:  []Finding{{}, {Gathered: &Gathered{Owners: []*owners.Report{at(1, 10), at(2, 11)}}}},
		Incidents: []Incident{{Gathered: &Gathered{Owners: []*owners.Report{at(1, 5), at(3, 1)}}}},
	}
	var pids []int
	for _, r := range d.OwnersOf() {
		pids = append(pids, r.PID*100+r.Time.Minute())
	}
	if len(pids) != 3 || pids[0] != 211 || pids[1] != 110 || pids[2] != 301 {
		t.Errorf("%v", pids)
	}
}
