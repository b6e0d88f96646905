package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"time"
)

//go:embed static
var static embed.FS

// Dir is the path of the page's parts.
const Dir = "/page/"

// policy allows the page its own scripts, styles and data, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// contentTypes are fixed: the system's own table may lack some.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml", ".LICENSE": "text/plain; charset=utf-8",
}

// Index serves the page.
func Index(w http.ResponseWriter, r *http.Request) {
	serve(w, r, "page.html")
}

// Part serves a part of the page: the path value "name".
func Part(w http.ResponseWriter, r *http.Request) {
	serve(w, r, r.PathValue("name"))
}

func serve(w http.ResponseWriter, r *http.Request, name string) {
	content, err := static.ReadFile("static/" + name)
	if name == tablesName {
		content, err = tables(), nil
	}
	if err != nil {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(content)
	h := w.Header()
	h.Set("Content-Type", contentTypes[path.Ext(name)])
	h.Set("Content-Security-Policy", policy)
	h.Set("ETag", fmt.Sprintf("%q", hex.EncodeToString(sum[:12])))
	h.Set("Cache-Control", "no-cache") // revalidated each time, sent only if changed
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}
