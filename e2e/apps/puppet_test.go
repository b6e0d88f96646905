package apps

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

const (
	puppetHome   = "/usr/share/puppetserver"
	environments = "environments never flushed"
	renewed      = "an interpreter renewed after 100 requests"
)

// puppetCases returns those of Puppet Server: Clojure on Jetty, which compiles catalogs by Ruby code in
// JRuby. It caches each environment if it is told so, and branches become environments. An interpreter
// that is renewed leaves its classes to the collector.
func puppetCases() []testCase {
	puppet := server{
		name: "Puppet Server", needs: []need{{file: puppetHome + "/puppetserver.jar", debian: "puppetserver"}}, rate: 0.4,
		arguments: puppetArguments, connect: connectPuppet,
	}
	leaks := testCase{
		server: puppet, fault: environments, verdict: "heap", limit: 896, faults: 110, flags: []string{"-Xmx352m"}, line: "org.jruby.",
	}
	renews := testCase{server: puppet, fault: renewed, gc: "Parallel", limit: 1152, faults: 110, flags: []string{"-Xmx448m"}}
	return []testCase{leaks, renews, leaks.clean()}
}

func puppetArguments(t *testing.T, c *testCase, _, address string) []string {
	t.Helper()
	dir, err := os.MkdirTemp("", "puppet") // --config is a list: a folder named after the case has commas
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	host, port, _ := net.SplitHostPort(address)
	requests, timeout := 0, "0"
	switch c.fault {
	case environments:
		timeout = "unlimited"
	case renewed:
		requests = 100
	}
	files := map[string]string{
		"conf.d/webserver.conf": fmt.Sprintf("webserver: { host: %q, port: %s }", host, port),
		"conf.d/global.conf":    "global: { logging-config: /etc/puppet/puppetserver/logback.xml }",
		"conf.d/auth.conf": `authorization: { version: 1, rules: [ { match-request: { path: "/", type: path },` +
			` allow-unauthenticated: true, sort-order: 1, name: "all" } ] }`,
		"conf.d/puppetserver.conf": fmt.Sprintf(`jruby-puppet: { ruby-load-path: [/usr/lib/puppetserver/ruby/vendor_ruby], gem-home: %[1]q,`+
			` gem-path: [%[1]q, /usr/lib/puppetserver/vendored-jruby-gems], server-conf-dir: %[1]q, server-code-dir: %[1]q,`+
			` server-var-dir: %[1]q, server-run-dir: %[1]q, server-log-dir: %[1]q, max-active-instances: 1, max-requests-per-instance: %d }`, dir, requests),
		// Two that start at a time, with one authority, find its files incomplete.
		"puppet.conf": fmt.Sprintf("[main]\ncertname = localhost\nenvironment_timeout = %s\ncadir = %s\n", timeout, filepath.Join(dir, "authority")),
	}
	site := manifest()
	for n := range c.faults + 1 {
		files[fmt.Sprintf("environments/%s/manifests/site.pp", environment(n))] = site
	}
	if err := os.CopyFS(dir, os.DirFS("/etc/puppet/puppetserver")); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return []string{
		"-Djruby.logger.class=com.puppetlabs.jruby_utils.jruby.Slf4jLogger", "-Djruby.lib=/usr/share/jruby/lib", "-jar", puppetHome + "/puppetserver.jar",
		"--config", filepath.Join(dir, "conf.d"), "--bootstrap-config", filepath.Join(dir, "services.d"), "--restart-file", filepath.Join(dir, "restart"),
	}
}

// environment is the name of one: 0 is that of most requests.
func environment(n int) string {
	if n == 0 {
		return "production"
	}
	return fmt.Sprint("branch", n)
}

// manifest is the configuration of an environment: 400 roles, of which a node has 50.
func manifest() string {
	var text, node strings.Builder
	for i := range 400 {
		fmt.Fprintf(&text, "class role%d { notify { \"role %d of ${facts['seed']}\": } }\n", i, i)
		if i%8 == 0 {
			fmt.Fprintf(&node, "  include role%d\n", i)
		}
	}
	return text.String() + "node default {\n" + node.String() + "}\n"
}

// connectPuppet returns a client that asks for the catalogs of many nodes.
func connectPuppet(_ *testCase, address string) (*client, error) {
	h := newHTTPClient(address)
	var nodes, branches atomic.Int64
	catalog := func(ctx context.Context, environment string) error {
		node := fmt.Sprint("node", nodes.Add(1))
		query := url.Values{
			"environment": {environment}, "facts_format": {"application/json"},
			"facts": {url.QueryEscape(fmt.Sprintf(`{"name": %[1]q, "values": {"seed": %[1]q}}`, node))},
		}
		return h.send(ctx, http.MethodPost, "/puppet/v3/catalog/"+node, "application/x-www-form-urlencoded", query.Encode())
	}
	return &client{
		work:  func(ctx context.Context) error { return catalog(ctx, environment(0)) },
		fault: func(ctx context.Context) error { return catalog(ctx, environment(int(branches.Add(1)))) },
		close: h.http.CloseIdleConnections,
	}, nil
}
