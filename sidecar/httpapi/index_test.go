package httpapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// sampledTwice returns a state with two samples of one container.
func sampledTwice(t *testing.T) *State {
	t.Helper()
	store, err := history.Open(history.Options{Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	s := &State{History: store}
	r := report()
	for ago := range 2 {
		r.Time = time.Now().Add(time.Duration(ago-2) * time.Second)
		if err := store.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	s.SetReport(r)
	s.SetDiagnosis(&diagnosis.Report{Containers: []diagnosis.Diagnosis{{Identity: rows.Identity{Name: "app"}, Summary: "nothing <b> grows"}}})
	return s
}

func TestIndex(t *testing.T) {
	h := Handler(&State{}, maxAge)
	for accept, page := range map[string]bool{
		"": false, "*/*": false, "text/plain": false, "application/json": false,
		"text/html": true, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true,
	} {
		r := get(t, h, http.MethodGet, "/", accept)
		text := r.Body.String()
		if page != strings.HasPrefix(text, "<!DOCTYPE html>") || page == strings.Contains(text, "/breakdown  memory by row") || r.Header().Get("Vary") != "Accept" {
			t.Errorf("Accept %q: %s", accept, text[:min(len(text), 80)])
		}
	}
}

// TestSecured: browsers must not guess types of responses or embed them in other sites.
func TestSecured(t *testing.T) {
	h := Handler(sampledTwice(t), maxAge)
	for _, path := range []string{"/", "/breakdown", "/breakdown?format=text", "/diagnosis", "/history", "/chart.svg", "/healthz", "/readyz", "/page/page.js", "/nothing", "/breakdown?format=%3Cscript%3E"} {
		header := get(t, h, http.MethodGet, path, "text/html").Header()
		if csp := header.Get("Content-Security-Policy"); header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Referrer-Policy") != "no-referrer" ||
			!strings.HasPrefix(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: %v", path, header)
		}
	}
}

func TestChart(t *testing.T) {
	h := Handler(sampledTwice(t), maxAge)
	for target, want := range map[string]struct {
		code int
		text string
	}{
		"/chart.svg":                            {200, "Memory of container app"},
		"/chart.svg?since=15m&container=app":    {200, "nothing &lt;b&gt; grows"},
		"/chart.svg?since=2020-01-01T00:00:00Z": {200, ">200.0 MiB<"},
		"/chart.svg?container=%3Cother%3E":      {404, "/history"},
		"/chart.svg?since=x":                    {400, "since=1h"},
		"/chart.svg?since=0s":                   {400, "before now"},
		"/chart.svg?since=-1h":                  {400, "must not be negative"},
		"/chart.svg?since=9999999h":             {400, "at most 2562047h"},
		"/chart.svg?since=2100-01-01T00:00:00Z": {400, "before now"},
	} {
		r := get(t, h, http.MethodGet, target, "")
		svg := r.Header().Get("Content-Type") == "image/svg+xml"
		if r.Code != want.code || svg != (r.Code == 200) || !strings.Contains(r.Body.String(), want.text) {
			t.Errorf("%s: %d, %s: %.300s", target, r.Code, r.Header().Get("Content-Type"), r.Body)
		}
	}
	store, err := history.Open(history.Options{Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	state := &State{History: store}
	state.SetReport(&breakdown.Report{})
	if r := get(t, Handler(state, maxAge), http.MethodGet, "/chart.svg", ""); r.Code != 200 || !strings.Contains(r.Body.String(), "no samples in this time") {
		t.Errorf("without a JVM: %d %s", r.Code, r.Body)
	}
}

// TestChartForecast: the forecast of a leak that grows is drawn; that of one that paused is
// not.
func TestChartForecast(t *testing.T) {
	for state, want := range map[diagnosis.State]bool{diagnosis.Confirmed: true, diagnosis.Paused: false} {
		s := sampledTwice(t)
		r, _ := s.latestReport()
		again := *r
		again.Time = time.Now()
		again.Containers = slices.Clone(r.Containers)
		again.Containers[0].LimitBytes, again.Containers[0].ReclaimableBytes = new(int64(512<<20)), new(int64(0))
		if err := s.History.Add(&again); err != nil {
			t.Fatal(err)
		}
		s.SetDiagnosis(&diagnosis.Report{Time: time.Now(), Containers: []diagnosis.Diagnosis{{
			Identity: rows.Identity{Name: "app"}, Verdict: rows.VerdictHeap, Growth: &diagnosis.Rate{BytesPerHour: 1 << 30},
			Forecast:  &diagnosis.Forecast{Reached: diagnosis.ContainerLimit, Seconds: 720, LowSeconds: 600, HighSeconds: 900},
			Incidents: []diagnosis.Incident{{Verdict: rows.VerdictHeap, State: state}},
		}}})
		svg := get(t, Handler(s, maxAge), http.MethodGet, "/chart.svg", "").Body.String()
		if strings.Contains(svg, ">limit in 10 min to 15 min, not to scale<") != want {
			t.Errorf("%s: %s", state, svg)
		}
	}
}
