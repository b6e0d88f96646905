package apps

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wiremockCases returns those of WireMock. Its journal of requests has no limit by default.
func wiremockCases() []testCase {
	const jar = "wiremock/build/wiremock-standalone-3.13.2.jar"
	wiremock := server{
		name: "WireMock", needs: []need{{file: jar, npm: "wiremock@3.13.2"}}, rate: 3,
		arguments: func(t *testing.T, c *testCase, dir, address string) []string {
			mapping := `{"request": {"method": "POST", "urlPath": "/order"}, "response": {"status": 200, "body": "accepted"}}`
			if err := os.Mkdir(filepath.Join(dir, "mappings"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "mappings", "order.json"), []byte(mapping), 0o644); err != nil {
				t.Fatal(err)
			}
			host, port, _ := net.SplitHostPort(address)
			arguments := []string{"-jar", npmFile(jar), "--bind-address", host, "--port", port, "--root-dir", dir, "--disable-banner"}
			if c.fault == "" {
				arguments = append(arguments, "--max-request-journal-entries", "100")
			}
			return arguments
		},
		connect: func(_ *testCase, address string) (*client, error) {
			h := newHTTPClient(address)
			order := func(bytes int) func(context.Context) error {
				return func(ctx context.Context) error {
					return h.send(ctx, http.MethodPost, "/order", "text/plain", strings.Repeat("order ", bytes/6))
				}
			}
			return &client{work: order(1 << 10), fault: order(20 << 10), close: h.http.CloseIdleConnections}, nil
		},
	}
	journal := testCase{
		server: wiremock, fault: "journal without a limit", verdict: "heap", gc: "Z", limit: 448, faults: 3400, flags: []string{"-Xmx128m"},
		line: "com.github.tomakehurst.wiremock.",
	}
	return []testCase{journal, journal.clean()}
}
