package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/sidecar/rows"
)

func get(t *testing.T, target string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Dir+"{name}", Part)
	mux.HandleFunc("GET /{$}", Index)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	r.Header = header
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

func TestParts(t *testing.T) {
	for target, contentType := range map[string]string{
		"/":                    "text/html; charset=utf-8",
		"/page/page.css":       "text/css; charset=utf-8",
		"/page/page.js":        "text/javascript; charset=utf-8",
		"/page/tables.js":      "text/javascript; charset=utf-8",
		"/page/uplot.js":       "text/javascript; charset=utf-8",
		"/page/uplot.LICENSE":  "text/plain; charset=utf-8",
		"/page/nothing.js":     "",
		"/page/..%2fpage.go":   "",
		"/page/static%2fpage":  "",
		"/page/":               "",
		"/page/.":              "",
		"/page/page.js/":       "",
		"/page/page.js%00.css": "",
	} {
		r := get(t, target, nil)
		if contentType == "" {
			if r.Code == http.StatusOK {
				t.Errorf("%s: %d bytes of %s", target, r.Body.Len(), r.Header().Get("Content-Type"))
			}
			continue
		}
		h := r.Header()
		if r.Code != http.StatusOK || h.Get("Content-Type") != contentType {
			t.Errorf("%s: %d, %s", target, r.Code, h.Get("Content-Type"))
		}
		if csp := h.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %s", target, csp)
		}
		again := get(t, target, http.Header{"If-None-Match": {h.Get("ETag")}})
		if h.Get("ETag") == "" || again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s: asked again with ETag %s: %d", target, h.Get("ETag"), again.Code)
		}
		if other := get(t, target, http.Header{"If-None-Match": {`"other"`}}); other.Code != http.StatusOK {
			t.Errorf("%s: another ETag: %d", target, other.Code)
		}
	}
}

// TestSelfContained: all that the page and its scripts name is here, and none of it
// is inline, which the policy refuses.
func TestSelfContained(t *testing.T) {
	html := get(t, "/", nil).Body.String()
	for _, inline := range []string{`<style`, `\sstyle=`, `\son[a-z]+=`, `javascript:`, `<script(?:\s+(?:defer|type="module"))*>`, `https?://[^w]`, `="/`} {
		if found := regexp.MustCompile(inline).FindString(html); found != "" {
			t.Errorf("the page has %s", found)
		}
	}
	var asked []string
	for _, m := range regexp.MustCompile(`(?:href|src)="page/([^"]+)"`).FindAllStringSubmatch(html, -1) {
		asked = append(asked, m[1])
	}
	if len(asked) != 4 {
		t.Errorf("the page names %v", asked)
	}
	files, err := static.ReadDir("static")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := file.Name(); strings.HasSuffix(name, ".js") && name != "uplot.js" {
			script := get(t, Dir+name, nil).Body.String()
			for _, m := range regexp.MustCompile(`from '\./([^']+)'`).FindAllStringSubmatch(script, -1) {
				asked = append(asked, m[1])
			}
			if found := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|setAttribute\('style`).FindString(script); found != "" {
				t.Errorf("%s uses %s", name, found)
			}
		}
	}
	for _, name := range asked {
		if r := get(t, Dir+name, nil); r.Code != http.StatusOK {
			t.Errorf("%s is named, and is not there", name)
		}
	}
}

// TestTables: the generated script has each row once, in the order of the stack.
func TestTables(t *testing.T) {
	script := get(t, Dir+tablesName, nil).Body.String()
	rest := script
	for _, row := range rows.Stacked() {
		_, after, ok := strings.Cut(rest, fmt.Sprintf("\"id\": %q,\n    \"name\": %q,", row.Name, row.Title))
		if !ok {
			t.Errorf("no row %s, or not in its place, in\n%s", row.Name, script)
		}
		rest = after
	}
	for _, state := range rows.States() {
		if !strings.Contains(script, fmt.Sprintf("%q: {\n    \"tone\"", state)) {
			t.Errorf("no state %s", state)
		}
	}
	if strings.Count(script, `"id":`) != len(rows.All()) {
		t.Errorf("%d rows, want %d", strings.Count(script, `"id":`), len(rows.All()))
	}
}
