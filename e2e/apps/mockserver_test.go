package apps

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// mockserverCases returns those of MockServer, on Netty. It keeps the last requests and responses.
func mockserverCases() []testCase {
	const jar = "mockserver-node/mockserver-netty-8.0.0-jar-with-dependencies.jar"
	mockserver := server{
		name: "MockServer", needs: []need{{file: jar, npm: "mockserver-node@8.0.0"}}, rate: 2,
		arguments: func(_ *testing.T, c *testCase, _, address string) []string {
			_, port, _ := net.SplitHostPort(address)
			kept := 1500
			if c.leaks() {
				kept = 100_000
			}
			return []string{fmt.Sprint("-Dmockserver.maxLogEntries=", kept), "-Dmockserver.disableSystemOut=true", "-jar", npmFile(jar), "-p", port}
		},
		connect: func(_ *testCase, address string) (*client, error) {
			h := newHTTPClient(address)
			expectation := `{"id": "order", "httpRequest": {"path": "/order"}, "httpResponse": {"body": "accepted"}}`
			if _, _, err := h.exchange(context.Background(), http.StatusCreated, http.MethodPut, "/mockserver/expectation", "application/json",
				expectation); err != nil {
				return nil, err
			}
			order := strings.Repeat("order ", 20<<10/6)
			return &client{
				work:  func(ctx context.Context) error { return h.send(ctx, http.MethodGet, "/order", "", "") },
				fault: func(ctx context.Context) error { return h.send(ctx, http.MethodPost, "/order", "text/plain", order) },
				close: h.http.CloseIdleConnections,
			}, nil
		},
	}
	events := testCase{
		server: mockserver, fault: "events without a limit", verdict: "heap", gc: "Parallel", limit: 448, faults: 1150, flags: []string{"-Xmx128m"},
		line: "org.mockserver.",
	}
	bounded := testCase{server: mockserver, fault: "1500 events", limit: 448, faults: 1500, flags: []string{"-Xmx128m"}}
	return []testCase{events, bounded}
}
