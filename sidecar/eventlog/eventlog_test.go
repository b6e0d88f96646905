package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/evidence/owners"
	"github.com/jvmem/jvmem/jvm/threads"
	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

var update = flag.Bool("update", false, "write the golden files")

const mib = 1 << 20

// report has two containers; one is only partly known.
func report() *breakdown.Report {
	size := func(n int64) *int64 { return &n }
	app := breakdown.Container{
		Identity:   rows.Identity{ID: "3f4c9d3a1b5e7f90a1b2c3d4e5f60718293a4b5c6d7e8f901a2b3c4d5e6f7081", Name: "app", CgroupVersion: 2},
		LimitBytes: size(512 * mib), UsageBytes: size(400 * mib), WorkingSetBytes: size(380 * mib), RSSBytes: size(350 * mib),
		ReclaimableBytes: size(20 * mib), HeadroomBytes: size(132 * mib), OOMKills: size(0),
		Memory: []breakdown.Row{
			{Name: rows.Heap, Bytes: size(200 * mib), CommittedBytes: size(256 * mib)},
			{Name: rows.Metaspace, Bytes: size(60 * mib), Detail: []breakdown.Detail{{Name: "non_class", Bytes: size(50 * mib)}, {Name: "class_space", Bytes: size(10 * mib)}}},
			{Name: rows.Native, Bytes: size(100 * mib), Detail: []breakdown.Detail{
				{Name: "jvm_internal", Bytes: size(10 * mib), Detail: []breakdown.Detail{{Name: "symbol", Bytes: size(10 * mib)}}},
				{Name: "direct_buffers", Bytes: size(60 * mib)}, {Name: "untracked", Bytes: size(30 * mib)}, {Name: "allocator_retained"},
			}},
			{Name: rows.OtherProcesses, Bytes: size(1 * mib), Detail: []breakdown.Detail{{Name: "odd \"name\"\n", Bytes: size(1 * mib)}}},
			{Name: rows.Kernel, Bytes: size(9 * mib)},
		},
		UnattributedBytes: size(-64 << 10),
	}
	java := breakdown.JVM{PID: 7, Version: "17.0.15", GC: "G1", NMT: "summary"}
	java.Threads.Live = 42
	java.Threads.Pools = []threads.Pool{{Name: "http-nio-8080-exec-#", Count: 10}}
	app.JVMs = []breakdown.JVM{java}
	app = app.WithOwners([]*owners.Snapshot{{
		Time: time.Date(2026, 11, 23, 15, 44, 0, 0, time.UTC), Reason: "the time is over",
		Held: []owners.Held{{Name: "libz (java.util.zip.Deflater)", Library: "libz.so.1.2.13", ResidentBytes: 24 * mib}},
	}})
	other := breakdown.Container{Identity: rows.Identity{ID: "77aa"}, UsageBytes: size(10 * mib), Memory: []breakdown.Row{{Name: rows.Heap}, {Name: rows.GC, Bytes: size(2 * mib)}}}
	other.JVMs = []breakdown.JVM{java, java}
	return &breakdown.Report{
		Schema: breakdown.Schema, Time: time.Date(2026, 11, 23, 17, 4, 5, 678_900_000, time.FixedZone("", 3600)),
		Pod:        &breakdown.Pod{Name: "shop-7d4b9c-x2x5z", Namespace: "shop", UID: "0f1e", Node: "node-1"},
		Containers: []breakdown.Container{app, other},
	}
}

func unjudged(*breakdown.Container) *diagnosis.Diagnosis { return nil }

// write returns the log lines for a report.
func write(t *testing.T, r *breakdown.Report) []string {
	t.Helper()
	var b bytes.Buffer
	if err := New(&b, "v1.2.3").Breakdown(t.Context(), r, unjudged); err != nil {
		t.Fatal(err)
	}
	return split(t, b.String())
}

// split checks that the text consists of whole lines that conform to ECS logging.
func split(t *testing.T, text string) []string {
	t.Helper()
	if !strings.HasSuffix(text, "\n") {
		t.Fatalf("no whole lines: %q", text)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for _, line := range lines {
		checkECS(t, line)
	}
	return lines
}

// suspicion is a verdict with all fields.
func suspicion() *diagnosis.Diagnosis {
	rate := &diagnosis.Rate{BytesPerHour: 300 * mib, LowBytesPerHour: 250 * mib, HighBytesPerHour: 350 * mib}
	return &diagnosis.Diagnosis{
		Identity: rows.Identity{ID: report().Containers[0].ID, Name: "app"}, Verdict: rows.VerdictThreads, Subject: "leak-#", Confidence: new(0.98765),
		Summary: "thread leak (leak-#), +300.0 MiB per hour, 93 % of the growth; OOM kill expected in 26 min (23 min to 31 min)",
		Growth:  rate, Forecast: &diagnosis.Forecast{Reached: diagnosis.ContainerLimit, Seconds: 1584.5, LowSeconds: 1358, HighSeconds: 1901},
		Findings: []diagnosis.Finding{{
			Verdict: rows.VerdictThreads, Subject: "leak-#", Share: new(0.93), Rate: rate, Confidence: 0.98765,
			Evidence: []string{"threads: 22 → 529 in 20 min", "threads of the pool leak-#: 2 → 507 in 20 min"}, Next: []string{"find the code that starts the threads", "jcmd <pid> Thread.print"},
			Gathered: &diagnosis.Gathered{Text: []string{"500 of them wait in java.lang.Thread.sleep"}},
		}},
	}
}

// TestGolden: a whole line of each dataset.
func TestGolden(t *testing.T) {
	const path = "testdata/lines.golden.json"
	var b bytes.Buffer
	log, r := New(&b, "v1.2.3"), report()
	d := suspicion()
	last := &r.Containers[0]
	a := autopsy.Explain(deaths(r.Time)[0], autopsy.State{Last: last, LastTime: r.Time.Add(-1500 * time.Millisecond), Diagnosis: d})
	err := errors.Join(
		log.Breakdown(t.Context(), r, func(c *breakdown.Container) *diagnosis.Diagnosis {
			return map[bool]*diagnosis.Diagnosis{true: d}[c == last]
		}),
		log.Diagnosis(t.Context(), r.Time, r.Pod, d, diagnosis.Appeared),
		log.Autopsy(t.Context(), r.Pod, &a),
	)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(split(t, b.String()), "\n") + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("not as %s (go test -update writes it):\n%s", path, got)
	}
}

// at returns the value below the keys.
func at(t *testing.T, line string, keys ...string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

func TestNumbers(t *testing.T) {
	r := report()
	*r.Containers[0].Memory[4].Bytes = 1<<53 + 1 // more than a double holds
	lines := write(t, r)
	if len(lines) != 2 {
		t.Fatalf("%d lines for two containers", len(lines))
	}
	for path, want := range map[string]string{
		"usage_bytes": "419430400", "limit_bytes": "536870912", "oom_kills": "0", "row_bytes.heap": "209715200", "row_bytes.unattributed": "-65536",
		"row_bytes.kernel": "9007199254740993", "detail_bytes.native.direct_buffers": "62914560", "threads": "42", "jvms": "1", "jvm.pid": "7",
	} {
		if got, ok := at(t, lines[0], append([]string{"jvmem"}, strings.Split(path, ".")...)...).(json.Number); !ok || got.String() != want {
			t.Errorf("jvmem.%s is %v, want the number %s", path, got, want)
		}
	}
	// Unknown values are omitted at every level; nothing is null.
	for _, path := range []string{"limit_bytes", "working_set_bytes", "oom_kills", "row_bytes.heap", "row_bytes.unattributed", "detail_bytes", "jvm"} {
		if got := at(t, lines[1], append([]string{"jvmem"}, strings.Split(path, ".")...)...); got != nil {
			t.Errorf("jvmem.%s is %v although it is unknown", path, got)
		}
	}
	if got := at(t, lines[0], "jvmem", "detail_bytes", "native", "allocator_retained"); got != nil {
		t.Errorf("an unknown detail is %v", got)
	}
	if got := at(t, lines[0], "jvmem", "detail_bytes", "other_processes"); got != nil {
		t.Errorf("names of processes became fields: %v", got)
	}
	for _, line := range lines {
		if strings.Contains(line, "null") {
			t.Errorf("null in %s", line)
		}
	}
	if at(t, lines[0], "jvmem", "complete") != true || at(t, lines[1], "jvmem", "complete") != false || at(t, lines[1], "container", "name") != nil {
		t.Errorf("complete %v, a container without a name %v", at(t, lines[0], "jvmem", "complete"), at(t, lines[1], "container"))
	}
}

func TestMessage(t *testing.T) {
	r := report()
	r.Containers[0].Memory = slices.DeleteFunc(r.Containers[0].Memory, func(row breakdown.Row) bool { return row.Name == rows.Kernel })
	r.Containers[0].LimitBytes = new(int64(0)) // no division by it
	none := breakdown.Container{}
	r.Containers = append(r.Containers, none)
	lines := write(t, r)
	for i, want := range []string{
		"app uses 400.0 MiB of 0 KiB, 20.0 MiB of it reclaimable: heap 200.0 MiB, native 100.0 MiB (24.0 MiB of it owned by libz (java.util.zip.Deflater) at 2026-11-23T15:44:00Z), metaspace 60.0 MiB",
		"77aa uses 10.0 MiB: gc 2.0 MiB; unknown rows: heap",
		"the container uses an unknown amount of memory",
	} {
		if got := at(t, lines[i], "message"); got != want {
			t.Errorf("message %q, want %q", got, want)
		}
	}
}

// TestHostileNames: the observed container chooses its names.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{"a\nb", "a\r\n{\"@timestamp\":\"x\"}", "\x1b[31mred\x1b[0m\x00", `"quoted\"`, "\xff\xfe", "\u2028", "", strings.Repeat("x", 5000)} {
		r := report()
		c := &r.Containers[0]
		c.ID, c.Name, r.Pod.Name, c.JVMs[0].Version = name, name, name, name
		c.Memory[3].Detail[0].Name = name
		lines := write(t, r)
		if len(lines) != 2 {
			t.Errorf("name %q: %d lines", name, len(lines))
		}
		want := any(strings.ToValidUTF8(name, "\ufffd\ufffd")) // each byte becomes one
		if name == "" {
			want = nil
		}
		if got := at(t, lines[0], "container", "name"); got != want {
			t.Errorf("name %q became %q", name, got)
		}
	}
}

func TestPod(t *testing.T) {
	r := report()
	r.Pod = &breakdown.Pod{} // not in Kubernetes
	line := write(t, r)[0]
	if at(t, line, "orchestrator") != nil || at(t, line, "kubernetes") != nil {
		t.Errorf("an orchestrator that is not there: %s", line)
	}
	r.Pod = &breakdown.Pod{Namespace: "shop"}
	line = write(t, r)[0]
	if at(t, line, "orchestrator", "namespace") != "shop" || at(t, line, "orchestrator", "resource", "name") != nil || at(t, line, "kubernetes", "pod") != nil {
		t.Errorf("only a namespace: %s", line)
	}
	r.Pod = nil
	write(t, r)
}

func TestOwnMessages(t *testing.T) {
	var b bytes.Buffer
	log := New(&b, "v1.2.3")
	log.WarnContext(t.Context(), "waiting for a JVM:\n\x1b[1mno\x1b[0m", "error", errors.New("two\nlines"))
	log.With("trace.id", "7").WithGroup("jvmem").Error("failed", slog.Int64("bytes", 1<<40), slog.Duration("took", time.Second))
	lines := split(t, b.String())
	if len(lines) != 2 || at(t, lines[0], "log.level") != "warn" || at(t, lines[1], "log.level") != "error" {
		t.Errorf("%s", b.String())
	}
	if at(t, lines[0], "error", "message") != "two\nlines" || at(t, lines[1], "jvmem", "bytes") != json.Number("1099511627776") {
		t.Errorf("%s", b.String())
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriteFails(t *testing.T) {
	if err := New(broken{}, "").Breakdown(t.Context(), report(), unjudged); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed log: %v", err)
	}
}

// TestIncident: a line for a change of state, no alert: that is the line of the verdict.
func TestIncident(t *testing.T) {
	var b bytes.Buffer
	log, r := New(&b, "v1.2.3"), report()
	all := courses(r.Time)
	for i := range all {
		if err := log.Incident(t.Context(), r.Time, r.Pod, r.Containers[0].Identity, &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	got := split(t, b.String())
	for i, want := range []map[string]string{
		{
			"message": "app in pod shop-7d4b9c-x2x5z: incident thread leak (leak-#), suspected: gained 83 threads since 2026-11-23 15:04 UTC", "log.level": "info",
			"event.action": "incident_opened", "event.kind": "event", "event.dataset": "jvmem.diagnosis", "jvmem.container.name": "app",
			"jvmem.incident.name": "threads", "jvmem.incident.subject": "leak-#", "jvmem.incident.state": "suspected", "jvmem.incident.gained": "83",
			"jvmem.incident.since": "2026-11-23T15:04:05Z", "jvmem.incident.last_growth": "2026-11-23T16:03:05Z",
		},
		{
			"event.action": "incident_closed", "jvmem.incident.state": "closed", "jvmem.incident.gained_bytes": "83886080",
			"jvmem.incident.closed": "2026-11-23T16:04:05Z", "jvmem.incident.waiting": "a collection of the old generation",
		},
	} {
		fields := flatten(t, got[i])
		for name, value := range want {
			if text := fmt.Sprint(fields[name]); text != value {
				t.Errorf("%s is %s, want %s", name, text, value)
			}
		}
	}
	if fields := flatten(t, got[0]); fields["jvmem.incident.confirmed"] != nil || fields["jvmem.incident.gained_bytes"] != nil {
		t.Errorf("unknown times and other units are in %s", got[0])
	}
}
