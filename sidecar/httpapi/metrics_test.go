package httpapi

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/evidence/owners"
	jvmthreads "github.com/jvmem/jvmem/jvm/threads"
	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
	"github.com/jvmem/jvmem/sidecar/sizing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	goldenMetrics = "testdata/metrics.golden.txt"
	longID        = "3f4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7081928"
)

// recorded returns a breakdown of a real JVM.
func recorded(tb testing.TB, name string) breakdown.Container {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("..", "breakdown", "testdata", name+".facts.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var facts []breakdown.Facts
	if err := json.Unmarshal(text, &facts); err != nil {
		tb.Fatal(err)
	}
	return breakdown.Attribute(facts[len(facts)-1])
}

// observed returns a state with two containers. app is completely known. The other one has
// no name, refuses attach, and is too young for a verdict.
func observed(tb testing.TB) *State {
	tb.Helper()
	app, young := recorded(tb, "jdk17-g1-nmt-summary"), recorded(tb, "jdk17-g1-attach-refused")
	app.Name, app.ID, young.ID = "app", "0123456789abcdef", longID
	app = app.WithOwners([]*owners.Snapshot{{Time: time.Date(2026, 11, 26, 1, 0, 0, 0, time.UTC), Complete: true, Held: []owners.Held{
		{Name: "libz (java.util.zip.Deflater)", Library: "libz.so.1.2.13", ResidentBytes: 1 << 20}, {Name: "com.sun.jna.Memory", ResidentBytes: 1 << 19},
	}}})
	app.JVMs[0].MallocWalkedAt = new(time.Date(2026, 11, 26, 0, 59, 10, 0, time.UTC))
	r := &breakdown.Report{
		Time: time.Date(2026, 11, 26, 1, 0, 30, 0, time.UTC), SampleSeconds: new(0.012),
		Containers: []breakdown.Container{app, young},
	}
	finding := func(v rows.Verdict, rate int64) diagnosis.Finding {
		return diagnosis.Finding{Verdict: v, Rate: &diagnosis.Rate{BytesPerHour: rate}}
	}
	d := &diagnosis.Report{Time: r.Time.Add(-30 * time.Second), Containers: []diagnosis.Diagnosis{
		{
			Identity: app.Identity, Verdict: rows.VerdictDirectBuffers,
			Growth: &diagnosis.Rate{BytesPerHour: 90 << 20}, Forecast: &diagnosis.Forecast{Reached: diagnosis.ContainerLimit, Seconds: 3630},
			Findings: []diagnosis.Finding{
				finding(rows.VerdictDirectBuffers, 40<<20), finding(rows.VerdictNativeUntracked, 30<<20), finding(rows.VerdictThreads, 20<<20),
				{Verdict: rows.VerdictPageCache},
			},
			Incidents: []diagnosis.Incident{
				{Verdict: rows.VerdictDirectBuffers, State: diagnosis.Paused}, {Verdict: rows.VerdictHeap, State: diagnosis.Suspected},
				{Verdict: rows.VerdictGC, State: diagnosis.Closed},
			},
			Budget: &diagnosis.BudgetCheck{Fits: false},
		},
		{Identity: young.Identity, Verdict: rows.VerdictNotEnoughHistory, Summary: "3 of 60 samples", Budget: &diagnosis.BudgetCheck{Fits: true}},
	}}
	d.Containers[0].Findings[1].Gathered = &diagnosis.Gathered{Owners: []*owners.Report{grownNative(r.Time)}}
	s := &State{Version: "v1.2.3", Autopsies: new(autopsy.Store), LogDropped: func() int64 { return 7 }}
	for _, a := range []autopsy.Autopsy{
		{Kind: autopsy.OOMKill, ContainerName: "app", ContainerID: "the one before", Cause: rows.VerdictDirectBuffers},
		{Kind: autopsy.OOMKillOther, ContainerName: "app", ContainerID: app.ID, Cause: rows.VerdictDirectBuffers},
		{Kind: autopsy.JavaOutOfMemory, ContainerName: "app", ContainerID: app.ID, Cause: rows.VerdictHeap},
		{Kind: autopsy.OOMKill, ContainerID: "fedcba98765432100123", Cause: rows.VerdictBudget}, // it has ended
	} {
		if err := s.Autopsies.Add(&a); err != nil {
			tb.Fatal(err)
		}
	}
	s.SetReport(r)
	s.Tick(Cost{SampleInterval: new(25 * time.Second), CPURatio: new(0.00082), MaxCPURatio: new(0.001)})
	s.SetDiagnosis(d)
	s.SetSizes(&sizing.Report{Schema: sizing.Schema, Time: r.Time, Containers: []sizing.Container{
		{Identity: app.Identity, Recommended: &sizing.Settings{LimitBytes: 448 << 20, MaxHeapBytes: 256 << 20, Options: []string{"-Xmx256m"}}},
		{Identity: young.Identity, Missing: []string{"history"}},
	}})
	return s
}

// scrape returns one scrape in the text format.
func scrape(t *testing.T, s *State) string {
	t.Helper()
	r := get(t, Handler(s, maxAge), http.MethodGet, "/metrics", "")
	if r.Code != http.StatusOK || !strings.HasPrefix(r.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("/metrics: %d, %s\n%s", r.Code, r.Header().Get("Content-Type"), r.Body)
	}
	return r.Body.String()
}

// values returns the samples of a scrape by series.
func values(t *testing.T, text string) map[string]float64 {
	t.Helper()
	all := make(map[string]float64)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimSuffix(line, "\n")
		i := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[i+1:], 64)
		if _, twice := all[line[:i]]; err != nil || twice {
			t.Fatalf("%s: %v, twice: %v", line, err, twice)
		}
		all[line[:i]] = value
	}
	return all
}

func TestMetricsGolden(t *testing.T) {
	got := strings.ReplaceAll(scrape(t, observed(t)), runtime.Version(), "go1.26")
	if *update {
		if err := os.WriteFile(goldenMetrics, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenMetrics)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update rewrites it); got:\n%s", goldenMetrics, got)
	}
}

func TestMetricsLint(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(newCollector(observed(t)))
	problems, err := testutil.GatherAndLint(r)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// TestMetricsAddUp: the rows add up to usage, and the details of a row to the row, also if
// some are unknown.
func TestMetricsAddUp(t *testing.T) {
	sums := make(map[string]float64)
	all := values(t, scrape(t, observed(t)))
	label := func(series, name string) string {
		return regexp.MustCompile(name + `="([^"]*)"`).FindStringSubmatch(series)[1]
	}
	for series, value := range all {
		switch {
		case strings.HasPrefix(series, "jvmem_memory_bytes{"):
			sums[fmt.Sprintf("jvmem_container_usage_bytes{container=%q}", label(series, "container"))] += value
		case strings.HasPrefix(series, "jvmem_memory_detail_bytes{"):
			sums[fmt.Sprintf("jvmem_memory_bytes{container=%q,row=%q}", label(series, "container"), label(series, "row"))] += value
		}
	}
	if len(sums) < 8 {
		t.Fatalf("%d sums: %v", len(sums), sums)
	}
	for series, sum := range sums {
		if value, known := all[series]; !known || value != sum {
			t.Errorf("%s: %v (%v), its parts add up to %v", series, value, known, sum)
		}
	}
}

// TestMetricsUnknown: an unknown value has no series; 0 would be wrong.
func TestMetricsUnknown(t *testing.T) {
	s := &State{}
	build := values(t, scrape(t, s))
	if len(build) != 1 {
		t.Errorf("before the first sample: %v", build)
	}
	s.SetReport(&breakdown.Report{Sources: []jvm.Source{{Name: "processes"}}})
	if got := values(t, scrape(t, s)); len(got) != 2 || got[`jvmem_source_up{container="",source="processes"}`] != 0 {
		t.Errorf("without a JVM: %v", got)
	}
	s.SetReport(&breakdown.Report{Containers: []breakdown.Container{{Identity: rows.Identity{Name: "app"}, Memory: []breakdown.Row{{Name: rows.GC}}}}})
	s.SetDiagnosis(&diagnosis.Report{Containers: []diagnosis.Diagnosis{{Verdict: rows.VerdictNotEnoughHistory}}})
	got := slices.Sorted(maps.Keys(values(t, scrape(t, s))))
	want := []string{slices.Collect(maps.Keys(build))[0], `jvmem_source_up{container="",source="processes"}`, `jvmem_source_up{container="app",source="consistency"}`}
	if !slices.Equal(got, want) {
		t.Errorf("all is unknown, but: %v", got)
	}
	s.SetDiagnosis(&diagnosis.Report{Containers: []diagnosis.Diagnosis{{Verdict: rows.VerdictNone}}})
	all := values(t, scrape(t, s))
	for _, series := range []string{`jvmem_growth_bytes_per_hour{container="app",row="total"}`, `jvmem_leak_suspected{cause="heap",container="app"}`} {
		if v, known := all[series]; !known || v != 0 {
			t.Errorf("no growth: %s %v (%v)", series, v, known)
		}
	}
	for series := range all {
		if strings.HasPrefix(series, "jvmem_seconds_to_limit") || strings.HasPrefix(series, "jvmem_budget_fits") {
			t.Errorf("unknown: %s", series)
		}
	}
}

// TestMetricsNames: containers without unique names, and pools with arbitrary names, have
// distinct series, or are added up, but never appear twice.
func TestMetricsNames(t *testing.T) {
	pods := func(names ...string) (j breakdown.JVM) {
		for _, name := range names {
			j.Threads.Pools = append(j.Threads.Pools, jvmthreads.Pool{Name: name, Count: 2})
		}
		return j
	}
	one := breakdown.JVM{PID: 4711}
	s := &State{}
	s.SetReport(&breakdown.Report{Containers: []breakdown.Container{
		{Identity: rows.Identity{Name: "app", ID: longID}, UsageBytes: new(int64(1)), JVMs: []breakdown.JVM{
			pods("a\xff", "a\xfe", "other", "\"\\\n", "jvmem_up 1\n# HELP"), pods("other", "b"),
		}},
		{Identity: rows.Identity{Name: "app", ID: longID}, UsageBytes: new(int64(2))},
		{Identity: rows.Identity{ID: longID, Cgroup: "/a"}, UsageBytes: new(int64(3))},
		{Identity: rows.Identity{Cgroup: "/a"}, UsageBytes: new(int64(4)), JVMs: []breakdown.JVM{one}},
		{UsageBytes: new(int64(5))},
		{UsageBytes: new(int64(6))},
	}})
	s.SetDiagnosis(&diagnosis.Report{Containers: []diagnosis.Diagnosis{
		{Identity: rows.Identity{ID: longID}, Verdict: rows.VerdictNone},
		{Identity: rows.Identity{ID: longID, Cgroup: "/a"}, Verdict: rows.VerdictNone},
		{Verdict: rows.VerdictNone}, {Verdict: rows.VerdictNone},
	}})
	all := values(t, scrape(t, s))
	for i, label := range []string{"app", longID[:12], "/a", "pid 4711", "container 4", "container 5"} {
		if v := all[fmt.Sprintf("jvmem_container_usage_bytes{container=%q}", label)]; v != float64(i+1) {
			t.Errorf("usage of %s: %v", label, v)
		}
		if _, judged := all[fmt.Sprintf(`jvmem_leak_suspected{cause="heap",container=%q}`, label)]; judged != (i < 3) {
			t.Errorf("%s: judged %v: only distinguishable containers are", label, judged)
		}
	}
	for pool, want := range map[string]float64{"a�": 4, "other": 4, `\"\\\n`: 2, `jvmem_up 1\n# HELP`: 2, "b": 2} {
		if v := all[`jvmem_threads{container="app",pool="`+pool+`"}`]; v != want {
			t.Errorf("pool %s: %v, want %v", pool, v, want)
		}
	}
}

// TestMetricsBounded: the number of series is bounded, although the application chooses
// the names of its pools and processes.
func TestMetricsBounded(t *testing.T) {
	s := observed(t)
	before := len(values(t, scrape(t, s)))
	report, _ := s.latestReport()
	c := &report.Containers[0]
	threads := 0
	for i := range 1000 {
		c.JVMs[0].Threads.Pools = append(c.JVMs[0].Threads.Pools, jvmthreads.Pool{Name: fmt.Sprintf("pool-%c%c", 'a'+i/26%26, 'a'+i%26), Count: 1})
		others := c.Row(rows.OtherProcesses)
		others.Detail = append(others.Detail, breakdown.Detail{Name: fmt.Sprint("process", i), Bytes: new(int64(i))})
	}
	for _, p := range c.JVMs[0].Threads.Pools {
		threads += p.Count
	}
	for i := range 40 { // each restart has another ID
		if err := s.Autopsies.Add(&autopsy.Autopsy{Kind: autopsy.OOMKill, ContainerID: fmt.Sprintf("%064d", i), Cause: rows.VerdictHeap}); err != nil {
			t.Fatal(err)
		}
	}
	all := values(t, scrape(t, s))
	if grew := len(all) - before; grew > maxPools+1+16 {
		t.Errorf("%d series, %d before", len(all), before)
	}
	sum := 0.0
	for series, v := range all {
		if strings.HasPrefix(series, `jvmem_threads{container="app"`) {
			sum += v
		}
	}
	if sum != float64(threads) {
		t.Errorf("%v threads, want %d", sum, threads)
	}
}

// TestMetricsOfOneMoment: scrapes while the loop runs.
func TestMetricsOfOneMoment(t *testing.T) {
	s := observed(t)
	report, _ := s.latestReport()
	verdicts, h := s.latestDiagnosis(), Handler(s, maxAge)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			s.SetReport(report)
			s.SetDiagnosis(verdicts)
			_ = s.Autopsies.Add(&autopsy.Autopsy{Kind: autopsy.OOMKill, ContainerName: "app", Cause: rows.VerdictHeap})
		}
	}()
	last := 0.0
	for open := true; open; {
		select {
		case <-done:
			open = false
		default:
		}
		now := values(t, get(t, h, http.MethodGet, "/metrics", "").Body.String())[`jvmem_oom_kills_total{cause="heap",container="app"}`]
		if now < last {
			t.Fatalf("a counter went from %v to %v", last, now)
		}
		last = now
	}
	if last != 200 { // more than the number of autopsies that are kept
		t.Errorf("%v kills, want 200", last)
	}
}
