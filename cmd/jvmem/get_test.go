package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// TestGet queries a sidecar that requires a password and has no JVM to observe.
func TestGet(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("right"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "basic_auth_users:\n  prometheus: %s\n", hash), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"--proc", t.TempDir(), "--listen", "127.0.0.1:0", "--web.config.file", config}, noEnv, io.Discard, io.Discard)
	}()
	defer func() { cancel(); <-code }()
	listen := address(t)
	await(t, "http://"+listen+"/readyz")
	for report, want := range map[string]string{
		"breakdown":               "no HotSpot JVM in this PID namespace",
		"breakdown --format json": `"schema":"jvmem.breakdown/v1"`,
		"diagnosis --format json": `"schema":"jvmem.diagnosis/v1"`,
		"oom --format json":       `"schema":"jvmem.oom/v1"`,
		"history":                 `"schema":"jvmem.history/v1"`,
	} {
		args := append(strings.Fields(report), "--listen", listen, "--user", "prometheus")
		var stdout bytes.Buffer
		if _, err := get(t.Context(), environment{getenv: noEnv, stdin: strings.NewReader("right\n"), stdout: &stdout}, args); err != nil || !strings.Contains(strings.ReplaceAll(stdout.String(), `": "`, `":"`), want) {
			t.Errorf("get %s: %v, %.300q lacks %q", report, err, stdout.String(), want)
		}
	}
	for user, password := range map[string]string{"": "", "prometheus": "wrong"} {
		var stdout bytes.Buffer
		_, err := get(t.Context(), environment{getenv: noEnv, stdin: strings.NewReader(password), stdout: &stdout}, []string{"oom", "--listen", listen, "--user", user})
		if err == nil || !strings.Contains(err.Error(), "requires a valid user and password") || stdout.Len() > 0 {
			t.Errorf("get as %q: %v, %q", user, err, stdout.String())
		}
	}
}

// TestGetTLS: HTTPS is tried first, and no redirect is followed.
func TestGetTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/oom" {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
			return
		}
		fmt.Fprintln(w, r.URL, r.TLS != nil, r.Header["Authorization"])
	}))
	server.StartTLS()
	defer server.Close()
	address := server.Listener.Addr().String()
	// JVMEM_USER=jvm of the container is not a user for basic auth: no password is read.
	env := func(name string) string {
		return map[string]string{"JVMEM_LISTEN": address, "JVMEM_USER": "jvm"}[name]
	}
	code, stdout, stderr := runMain(t, env, "get", "diagnosis")
	if code != 0 || stdout != "/diagnosis?format=text true []\n" {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	if code, _, stderr := runMain(t, env, "get", "oom"); code != 1 || !strings.Contains(stderr, "302 Found") {
		t.Errorf("redirect: exit code %d, %q", code, stderr)
	}

	strict := httptest.NewUnstartedServer(http.NotFoundHandler())
	strict.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	strict.StartTLS()
	defer strict.Close()
	if code, _, stderr := runMain(t, noEnv, "get", "oom", "--listen", strict.Listener.Addr().String()); code != 1 || !strings.Contains(stderr, "curl --cert") {
		t.Errorf("client certificate: exit code %d, %q", code, stderr)
	}
}

// TestGetFromStranger: the observed container may have occupied the port.
func TestGetFromStranger(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/oom" {
			w.WriteHeader(http.StatusTeapot)
		}
		fmt.Fprint(w, "rows │ █▍\n\x1b]0;owned\a\n\u202ereversed\n")
	}))
	defer server.Close()
	for report, want := range map[string]string{
		"breakdown": "rows │ █▍\n?]0;owned?\n?reversed\n", "oom": "jvmem get: 418 I'm a teapot: rows │ █▍\n?]0;owned?\n?reversed\n",
	} {
		if _, stdout, stderr := runMain(t, noEnv, "get", report, "--listen", server.Listener.Addr().String()); stdout+stderr != want {
			t.Errorf("get %s: %q, want %q", report, stdout+stderr, want)
		}
	}
}

func TestGetErrors(t *testing.T) {
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "try again", http.StatusServiceUnavailable)
	}))
	address := busy.Listener.Addr().String()
	for args, want := range map[string]string{
		"":                        `report "": must be one of breakdown, diagnosis, owners, sizing, oom, history`,
		"metrics":                 `report "metrics"`,
		"oom --format xml":        `--format "xml"`,
		"oom --listen 9753":       `--listen "9753"`,
		"oom --listen " + address: "503 Service Unavailable: try again",
	} {
		if code, stdout, stderr := runMain(t, noEnv, append([]string{"get"}, strings.Fields(args)...)...); code != 1 || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("get %s: exit code %d, %q, %q", args, code, stdout, stderr)
		}
	}
	busy.Close()
	if code, _, stderr := runMain(t, noEnv, "get", "oom", "--listen", address); code != 1 || !strings.Contains(stderr, "JVMEM_LISTEN") {
		t.Errorf("no server: exit code %d, %q", code, stderr)
	}
}

func TestLocalAddress(t *testing.T) {
	for listen, want := range map[string]string{
		":9753": "127.0.0.1:9753", "0.0.0.0:1": "127.0.0.1:1", "[::]:1": "127.0.0.1:1", "[::1]:1": "[::1]:1", "10.0.0.1:1": "10.0.0.1:1", "name:1": "name:1",
	} {
		if got, err := localAddress(listen); got != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", listen, got, err, want)
		}
	}
}
