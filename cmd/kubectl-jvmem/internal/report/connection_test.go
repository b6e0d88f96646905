package report

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
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
		started   bool
		fails     string
	}{
		"just started":         {[]string{"", nothing, `{"containers": [{"name": "app"}]}`}, "app", true, ""},
		"a sidecar, no JVM":    {[]string{nothing}, "", false, "no HotSpot JVM in the pod\n  waiting for a JVM\n  fix: share the process namespace"},
		"a sidecar, no sample": {[]string{""}, "", false, "no sample yet"},
		"another container":    {[]string{`{"containers": [{"name": "app"}]}`}, "proxy", false, "no HotSpot JVM in container proxy: there is one in app"},
		"name unknown":         {[]string{`{"containers": [{"name": ""}]}`}, "app", false, ""},
	} {
		responses = tt.responses
		err := c.await(t.Context(), tt.container, tt.started)
		if tt.fails == "" && err != nil || tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
