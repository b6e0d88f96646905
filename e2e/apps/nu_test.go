package apps

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
)

// nuCases returns those of the Nu HTML checker.
func nuCases() []testCase {
	const jar = "vnu-jar/build/dist/vnu.jar"
	nu := server{
		name: "Nu validator", needs: []need{{file: jar, npm: "vnu-jar@26.9.27"}}, rate: 1,
		arguments: func(_ *testing.T, _ *testCase, _, address string) []string {
			host, port, _ := net.SplitHostPort(address)
			return []string{"-Dnu.validator.servlet.bind-address=" + host, "-cp", npmFile(jar), "nu.validator.servlet.Main", port}
		},
		connect: func(_ *testCase, address string) (*client, error) {
			h := newHTTPClient(address)
			check := func(ctx context.Context) error {
				return h.send(ctx, http.MethodPost, "/?out=json", "text/html; charset=utf-8", page(1+rand.IntN(40)))
			}
			return &client{work: check, fault: check, close: h.http.CloseIdleConnections}, nil
		},
	}
	return []testCase{{server: nu, gc: "Parallel", limit: 512, flags: []string{"-Xmx192m", "-Xss2m"}}}
}

// page returns a document with errors.
func page(paragraphs int) string {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html><html lang=en><title>Orders</title><body>")
	for i := range paragraphs {
		fmt.Fprintf(&b, "<section id=s%d><h2>Order %d</h2><p>Text <b>bold<i>both</b></i> <img src=%d.png><table><tr><td>%d</table></section>\n", i%30, i, i, i)
	}
	return b.String()
}
