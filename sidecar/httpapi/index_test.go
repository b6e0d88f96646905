package httpapi

import (
	"net/http"
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
