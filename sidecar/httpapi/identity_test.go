package httpapi

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// nameless are two containers without a name or an ID, with a diagnosis and a kill each.
func nameless(t *testing.T) *State {
	t.Helper()
	store, err := history.Open(history.Options{Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	s := &State{History: store, Autopsies: new(autopsy.Store)}
	r := &breakdown.Report{Time: time.Now()}
	d := &diagnosis.Report{Time: r.Time}
	for i, v := range []rows.Verdict{rows.VerdictHeap, rows.VerdictThreads} {
		id := rows.Identity{Cgroup: fmt.Sprintf("/c%d", i), CgroupVersion: 2}
		r.Containers = append(r.Containers, breakdown.Container{Identity: id, UsageBytes: new(int64(i+1) << 20)})
		d.Containers = append(d.Containers, diagnosis.Diagnosis{
			Identity: id, Verdict: v, Summary: fmt.Sprintf("%s of /c%d grows", v, i), Findings: []diagnosis.Finding{{Verdict: v}},
		})
		if err := s.Autopsies.Add(&autopsy.Autopsy{Kind: autopsy.OOMKill, Cause: v, Last: &r.Containers[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Add(r); err != nil {
		t.Fatal(err)
	}
	s.SetReport(r)
	s.SetDiagnosis(d)
	return s
}

// TestNamelessMetrics: each of the containers has its own series.
func TestNamelessMetrics(t *testing.T) {
	all := values(t, scrape(t, nameless(t)))
	for i, cause := range []string{"heap", "threads"} {
		for series, want := range map[string]float64{
			"jvmem_container_usage_bytes{container=\"/c%[1]d\"}":                      float64(i+1) * (1 << 20),
			"jvmem_leak_suspected{cause=\"" + cause + "\",container=\"/c%[1]d\"}":     1,
			"jvmem_leak_suspected{cause=\"gc\",container=\"/c%[1]d\"}":                0,
			"jvmem_growth_bytes_per_hour{container=\"/c%[1]d\",row=\"total\"}":        0,
			"jvmem_oom_kills_total{cause=\"" + cause + "\",container=\"/c%[1]d\"}":    1,
			"jvmem_oom_kills_total{cause=\"native_untracked\",container=\"/c%[1]d\"}": 0,
		} {
			series = fmt.Sprintf(series, i)
			if got, ok := all[series]; !ok || got != want {
				t.Errorf("%s: %v (%v), want %v", series, got, ok, want)
			}
		}
	}
}

// TestNamelessChart: the chart of a container shows its own verdict.
func TestNamelessChart(t *testing.T) {
	h := Handler(nameless(t), maxAge)
	for cgroup, want := range map[string]string{"/c0": "heap of /c0 grows", "/c1": "threads of /c1 grows"} {
		svg := get(t, h, http.MethodGet, "/chart.svg?container="+cgroup, "").Body.String()
		if !strings.Contains(svg, want) || !strings.Contains(svg, "container "+cgroup) {
			t.Errorf("%s: %.700s", cgroup, svg)
		}
	}
}

// TestChartStart: the start of the picture is that of the drawn container, not that of
// another one.
func TestChartStart(t *testing.T) {
	store, err := history.Open(history.Options{Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	state := &State{History: store}
	container := func(name string) breakdown.Container {
		return breakdown.Container{
			Identity: rows.Identity{Name: name, ID: name}, UsageBytes: new(int64(1 << 20)),
			Memory: []breakdown.Row{{Name: rows.Heap, Bytes: new(int64(1 << 20))}},
		}
	}
	now := time.Now()
	r := &breakdown.Report{}
	for ago := 59 * time.Minute; ago > 0; ago -= time.Minute {
		r.Time = now.Add(-ago)
		r.Containers = []breakdown.Container{container("old")}
		if ago <= 5*time.Minute {
			r.Containers = []breakdown.Container{container("young"), container("old")}
		}
		if err := store.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	state.SetReport(r)
	svg := get(t, Handler(state, maxAge), http.MethodGet, "/chart.svg", "").Body.String()
	if !strings.Contains(svg, "Memory of container old") {
		t.Errorf("another container is drawn: %.700s", svg)
	}
	if outside := regexp.MustCompile(`[ML]-[0-9.]+`).FindString(svg[strings.Index(svg, "</defs>"):]); outside != "" {
		t.Errorf("drawn outside of the picture: %s", outside)
	}
}
