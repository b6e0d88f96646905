package report

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/sidecar"
)

// connectionTo is a connection whose forwarded port is that of a server.
func connectionTo(t *testing.T, server *httptest.Server) *connection {
	t.Helper()
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(address.Port(), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return &connection{forwarding: &kube.Forwarding{Port: uint16(port)}, http: newClient(), scheme: "https"}
}

func TestGet(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "admin" || password != "secret" {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/elsewhere" {
			http.Redirect(w, r, "/breakdown", http.StatusFound)
			return
		}
		if r.URL.Path != "/breakdown" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("a table of " + r.URL.RawQuery))
	})
	plain, secured := httptest.NewServer(handler), httptest.NewUnstartedServer(handler)
	secured.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	secured.StartTLS()
	defer plain.Close()
	defer secured.Close()
	for name, server := range map[string]*httptest.Server{"http": plain, "https": secured} {
		c := connectionTo(t, server)
		_, err := c.send(t.Context(), "/breakdown")
		if err == nil || !strings.Contains(err.Error(), "set --web-user and JVMEM_PASSWORD") {
			t.Errorf("%s, no password: %v", name, err)
		}
		c.user, c.password = "admin", "secret"
		text, err := c.send(t.Context(), "/breakdown?format=text")
		if err != nil || string(text) != "a table of format=text" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		if !strings.HasPrefix(c.url(), name+"://127.0.0.1:") {
			t.Errorf("%s: the URL of the page is %s", name, c.url())
		}
		if _, err = c.send(t.Context(), "/elsewhere"); err == nil || !strings.Contains(err.Error(), "302 Found") {
			t.Errorf("%s, a redirect: %v", name, err)
		}
		if _, err = c.send(t.Context(), "/oom"); err == nil || !strings.Contains(err.Error(), "older than this plugin") {
			t.Errorf("%s, a path that it lacks: %v", name, err)
		}
	}
}

// TestAwait: jvmem in an ephemeral container first has no sample, then no JVM, then one.
func TestAwait(t *testing.T) {
	const nothing = `{"containers": [], "sources": [{"name": "processes", "reason": "waiting for a JVM", "fix": "share the process namespace"}]}`
	var responses []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		response := responses[0]
		if len(responses) > 1 {
			responses = responses[1:]
		}
		if response == "" {
			http.Error(w, "no sample yet", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(response))
	}))
	defer server.Close()
	c := connectionTo(t, server)
	for name, tt := range map[string]struct {
		responses []string
		container string
		patience  time.Duration
		waits     int // how often it says so
		fails     string
	}{
		"just started":         {[]string{"", nothing, nothing, `{"containers": [{"name": "app"}]}`}, "app", time.Hour, 1, ""},
		"no need to wait":      {[]string{`{"containers": [{"name": "app"}]}`}, "app", time.Hour, 0, ""},
		"started, no JVM":      {[]string{nothing}, "", time.Millisecond, 1, "no HotSpot JVM was found in the pod within 1ms: jvmem found no HotSpot JVM"},
		"a sidecar, no JVM":    {[]string{nothing}, "", 0, 0, "no HotSpot JVM in the pod\n  waiting for a JVM\n  fix: share the process namespace"},
		"a sidecar, no sample": {[]string{""}, "", 0, 0, "no sample yet"},
		"another container":    {[]string{`{"containers": [{"name": "app"}]}`}, "proxy", 0, 0, "no HotSpot JVM in container proxy: there is one in app"},
		"name unknown":         {[]string{`{"containers": [{"name": ""}]}`}, "app", 0, 0, ""},
	} {
		responses = tt.responses
		waits := 0
		err := c.await(t.Context(), tt.container, tt.patience, func() { waits++ })
		if waits != tt.waits {
			t.Errorf("%s: said %d times that it waits", name, waits)
		}
		if tt.fails == "" && err != nil || tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPatience: a container that just started may have its JVM in a moment; that the sidecar
// was restarted says nothing about the JVM.
func TestPatience(t *testing.T) {
	var pod corev1.Pod
	err := yaml.UnmarshalStrict([]byte(`
status:
  containerStatuses:
  - {name: jvmem, state: {running: {startedAt: "2026-11-28T10:04:59Z"}}}
  - {name: app, state: {running: {startedAt: "2026-11-28T10:04:31Z"}}}
  - {name: proxy, state: {running: {startedAt: "2026-11-28T10:04:30Z"}}}
  - {name: job, state: {terminated: {startedAt: "2026-11-28T10:04:59Z", exitCode: 0}}}`), &pod)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 28, 10, 5, 0, 0, time.UTC)
	for container, want := range map[string]time.Duration{"": youngPatience, "app": youngPatience, "proxy": 0, "job": 0} {
		if got := patience(&pod, &sidecar.Sidecar{}, container, now); got != want {
			t.Errorf("container %q: %s, want %s", container, got, want)
		}
	}
	if got := patience(&pod, &sidecar.Sidecar{Ends: now}, "proxy", now); got != ephemeralPatience {
		t.Errorf("an ephemeral container: %s", got)
	}
	if got := patience(&pod, &sidecar.Sidecar{}, "", now.Add(time.Second)); got != 0 {
		t.Errorf("a second later: %s", got)
	}
}
