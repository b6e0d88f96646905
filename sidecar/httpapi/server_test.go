package httpapi

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const maxAge = time.Minute

func report() *breakdown.Report {
	return &breakdown.Report{
		Schema: breakdown.Schema, Time: time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC),
		Containers: []breakdown.Container{{
			Identity: rows.Identity{Name: "app"}, UsageBytes: new(int64(300 << 20)),
			Memory: []breakdown.Row{{Name: rows.Heap, Bytes: new(int64(200 << 20))}, {Name: rows.GC}},
		}},
	}
}

// get answers one request in memory.
func get(t *testing.T, h http.Handler, method, target, accept string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestProbesOnly: until jvmem has the JVM's user it answers probes, by what it has looked for
// so far, and nothing else.
func TestProbesOnly(t *testing.T) {
	state := &State{}
	state.ProbesOnly.Store(true)
	h := Handler(state, maxAge)
	for range 2 {
		for path, want := range map[string]int{
			"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable, "/": http.StatusServiceUnavailable, "/breakdown": http.StatusServiceUnavailable, "/diagnosis": http.StatusServiceUnavailable,
			"/history": http.StatusServiceUnavailable, "/oom": http.StatusServiceUnavailable, "/metrics": http.StatusServiceUnavailable, "/chart.svg": http.StatusServiceUnavailable,
		} {
			if path == "/readyz" && state.report != nil {
				want = http.StatusOK
			}
			if w := get(t, h, http.MethodGet, path, ""); w.Code != want {
				t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, want)
			}
		}
		state.SetReport(&breakdown.Report{})
	}
	state.ProbesOnly.Store(false)
	if w := get(t, h, http.MethodGet, "/breakdown", ""); w.Code != http.StatusOK {
		t.Errorf("afterwards: %d %s", w.Code, w.Body)
	}
}

// TestNow: readings after the sample are reported beside the rows and do not change them:
// there the limit was raised. The header states the age of the rows.
func TestNow(t *testing.T) {
	store, err := history.Open(history.Options{Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	state := State{History: store}
	h := Handler(&state, maxAge)
	r := report()
	r.Containers[0].JVMs = []breakdown.JVM{{PID: 7}}
	if err := store.Add(r); err != nil {
		t.Fatal(err)
	}
	state.SetReport(r)
	shown := func(format string) string {
		t.Helper()
		return get(t, h, http.MethodGet, "/breakdown?format="+format, "").Body.String()
	}
	if text := shown("json") + shown("text"); strings.Contains(text, `"now"`) || strings.Contains(text, "These rows") {
		t.Errorf("no reading after the sample, but:\n%s", text)
	}
	before := get(t, h, http.MethodGet, "/metrics", "").Body.String()
	at := r.Time.Add(42 * time.Second)
	if err := store.AddReading(&r.Containers[0], at, []string{history.Usage, history.WorkingSet, history.Reclaimable, history.Limit, history.Threads}, []int64{310 << 20, 305 << 20, 10 << 20, 1000 << 20, 25}); err != nil {
		t.Fatal(err)
	}
	var shownReport breakdown.Report
	if err := json.Unmarshal([]byte(shown("json")), &shownReport); err != nil {
		t.Fatal(err)
	}
	want := &breakdown.Reading{
		Time: at, LimitBytes: new(int64(1000 << 20)), UsageBytes: new(int64(310 << 20)), WorkingSetBytes: new(int64(305 << 20)), ReclaimableBytes: new(int64(10 << 20)),
		HeadroomBytes: new(int64(695 << 20)), ThreadsLive: new(int64(25)),
	}
	if c := shownReport.Containers[0]; !reflect.DeepEqual(c.Reading, want) || *c.UsageBytes != 300<<20 || c.RowsAgeSeconds == nil || *c.RowsAgeSeconds < 42 {
		t.Errorf("now %+v, usage of the rows %d, their age %v", c.Reading, *c.UsageBytes, c.RowsAgeSeconds)
	}
	text := shown("text")
	for _, part := range []string{
		"limit 1000.0 MiB", " ago, limit and usage of now\nUnreclaimable memory: 300.0 MiB of 1000.0 MiB (30.0 %)",
		"These rows are 42s old", "usage is 310.0 MiB now", "--max-cpu", "working set      305.0 MiB    30.5 %",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, text)
		}
	}
	if after := get(t, h, http.MethodGet, "/metrics", "").Body.String(); after != before {
		t.Errorf("metrics of another moment:\n%s", after)
	}
}

func TestBreakdown(t *testing.T) {
	var state State
	h := Handler(&state, maxAge)
	if r := get(t, h, http.MethodGet, "/breakdown", ""); r.Code != http.StatusServiceUnavailable || !strings.Contains(r.Body.String(), "no sample") {
		t.Errorf("before the first sample: %d", r.Code)
	}
	state.SetReport(report())
	for _, tt := range []struct {
		target, accept string
		text           bool
	}{
		{"/breakdown", "", false},
		{"/breakdown", "*/*", false},
		{"/breakdown", "application/json", false},
		{"/breakdown", "text/html,application/xhtml+xml,*/*;q=0.8", false},
		{"/breakdown", "text/plain", true},
		{"/breakdown", "text/plain, */*;q=0.1", true},
		{"/breakdown", "application/json, text/plain;q=0.5", false},
		{"/breakdown?format=text", "", true},
		{"/breakdown?format=text", "application/json", true}, // the query wins
		{"/breakdown?format=json", "text/plain", false},
	} {
		r := get(t, h, http.MethodGet, tt.target, tt.accept)
		text := r.Body.String()
		want := "application/json"
		if tt.text {
			want = "text/plain; charset=utf-8"
		}
		if r.Code != http.StatusOK || r.Header().Get("Content-Type") != want {
			t.Errorf("%s, Accept %s: %d, %s", tt.target, tt.accept, r.Code, r.Header().Get("Content-Type"))
		}
		if tt.text {
			if !strings.Contains(text, "heap") || !strings.Contains(text, "200.0 MiB") {
				t.Errorf("%s: %s", tt.target, text)
			}
			continue
		}
		var got breakdown.Report
		if err := json.Unmarshal([]byte(text), &got); err != nil || got.Schema != breakdown.Schema || *got.Containers[0].Memory[0].Bytes != 200<<20 || got.Containers[0].Memory[1].Bytes != nil {
			t.Errorf("%s: %+v, %v", tt.target, got, err)
		}
	}
	for _, format := range []string{"yaml", "JSON", "%3Cscript%3E"} {
		r := get(t, h, http.MethodGet, "/breakdown?format="+format, "")
		if r.Code != http.StatusBadRequest || r.Header().Get("Content-Type") != "text/plain; charset=utf-8" || r.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("format %s: %d, %v", format, r.Code, r.Header())
		}
	}
}

// full returns a state with every kind of data.
func full(t *testing.T) *State {
	t.Helper()
	store, err := history.Open(history.Options{Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	autopsies, err := autopsy.Open("")
	if err != nil {
		t.Fatal(err)
	}
	state := &State{History: store, Autopsies: autopsies}
	for i := range 20 {
		r := report()
		r.Time = r.Time.Add(time.Duration(i) * 10 * time.Second)
		if err := store.Add(r); err != nil {
			t.Fatal(err)
		}
		state.SetReport(r)
	}
	a := autopsy.Explain(autopsy.Death{Time: time.Now(), PID: 7}, autopsy.State{})
	if err := autopsies.Add(&a); err != nil {
		t.Fatal(err)
	}
	state.SetDiagnosis(diagnosis.DiagnoseAll(store.Document(time.Time{}, 0)))
	return state
}

func TestForms(t *testing.T) {
	h := Handler(full(t), maxAge)
	for target, want := range map[string]string{
		"/breakdown?format=text": "Diagnosis: not enough history: 20 of 60 samples",
		"/breakdown":             `"oom_kills_total": 0`,
		"/diagnosis":             `"schema": "jvmem.diagnosis/v1"`,
		"/diagnosis?format=text": "container app: NOT_ENOUGH_HISTORY",
		"/oom":                   `"schema": "jvmem.oom/v1"`,
		"/oom?format=text":       "the JVM ended; its exit status is unknown",
	} {
		if r := get(t, h, http.MethodGet, target, ""); r.Code != http.StatusOK || !strings.Contains(r.Body.String(), want) {
			t.Errorf("%s: %d, %s", target, r.Code, r.Body.String())
		}
	}
	var state State
	if r := get(t, Handler(&state, maxAge), http.MethodGet, "/diagnosis", ""); r.Code != http.StatusServiceUnavailable {
		t.Errorf("before the first sample: %d", r.Code)
	}
}

func TestHistory(t *testing.T) {
	h := Handler(full(t), maxAge)
	for target, want := range map[string]int{ // samples
		"/history":                                     20,
		"/history?since=2026-11-23T17:02:30Z":          5,
		"/history?step=1m":                             4,
		"/history?since=2026-11-23T17:02:30Z&step=20s": 3,
		"/history?since=1ms":                           0,
	} {
		r := get(t, h, http.MethodGet, target, "")
		d, err := history.Read(r.Body)
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		got := 0
		for _, c := range d.Containers {
			got += len(c.Tracks[len(c.Tracks)-1].Times)
		}
		if got != want {
			t.Errorf("%s: %d samples, want %d", target, got, want)
		}
	}
	for _, query := range []string{"since=yesterday", "since=-1h", "since=9999999h", "step=often", "step=0s", "step=-1m"} {
		if r := get(t, h, http.MethodGet, "/history?"+query, ""); r.Code != http.StatusBadRequest || !strings.Contains(r.Body.String(), "since=1h") || strings.Contains(r.Body.String(), "parsing time") {
			t.Errorf("%s: %d, %s", query, r.Code, r.Body.String())
		}
	}
}

func TestReadOnly(t *testing.T) {
	h := Handler(full(t), maxAge)
	paths := []string{"/", "/breakdown", "/diagnosis", "/history", "/oom", "/healthz", "/readyz"}
	for _, path := range paths {
		if r := get(t, h, http.MethodGet, path, ""); r.Code != http.StatusOK {
			t.Errorf("GET %s: %d", path, r.Code)
		}
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, "TRACE", "ODD"} {
			if r := get(t, h, method, path, ""); r.Code != http.StatusMethodNotAllowed || r.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, allowed %s", method, path, r.Code, r.Header().Get("Allow"))
			}
		}
	}
	for _, path := range []string{"/nothing", "/breakdown/x", "/metrics/x", "/debug/pprof/", "/favicon.ico"} {
		if r := get(t, h, http.MethodGet, path, ""); r.Code != http.StatusNotFound || !strings.Contains(r.Body.String(), "/breakdown  memory by row") {
			t.Errorf("GET %s: %d, %s", path, r.Code, r.Body)
		}
	}
	// HEAD by a real server, which leaves the body out.
	s := httptest.NewServer(h)
	defer s.Close()
	for _, path := range paths {
		r, err := s.Client().Head(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if text := body(t, r); r.StatusCode != http.StatusOK || text != "" || r.Header.Get("Content-Type") == "" {
			t.Errorf("HEAD %s: %s, %q", path, r.Status, text)
		}
	}
}

func TestHealth(t *testing.T) {
	var state State
	check := func(when string, h http.Handler, health, ready int) {
		t.Helper()
		if r := get(t, h, http.MethodGet, "/healthz", ""); r.Code != health {
			t.Errorf("%s: /healthz %d: %s", when, r.Code, r.Body.String())
		}
		if r := get(t, h, http.MethodGet, "/readyz", ""); r.Code != ready {
			t.Errorf("%s: /readyz %d: %s", when, r.Code, r.Body.String())
		}
	}
	check("at the start", Handler(&state, maxAge), 200, 503)
	check("stuck in the first sample", Handler(&state, -1), 503, 503)
	state.SetReport(&breakdown.Report{}) // no JVM yet: a native sidecar starts before it
	h := Handler(&state, maxAge)
	check("after a sample", h, 200, 200)
	state.ticked = time.Now().Add(-maxAge - time.Second)
	check("stuck", h, 503, 200)
	if text := get(t, h, http.MethodGet, "/healthz", "").Body.String(); text != "the last sample is 1m1s old\n" {
		t.Errorf("stuck: %q", text)
	}
	state.SetReport(report())
	check("it ticks again", h, 200, 200)
}
