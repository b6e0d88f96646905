package httpapi

import (
	"net/http"
	"strings"

	"github.com/jvmem/jvmem/sidecar/httpapi/page"
)

const paths = `jvmem: where every byte of a JVM container goes

/           a page, in a browser
/breakdown  JSON; ?format=text for a table
/diagnosis  what grows, and when the limit is reached; ?format=text
/history    JSON; ?since=1h&step=1m
/chart.svg  the rows over time; ?since=1h&container=app
/oom        how JVMs ended, and why; ?format=text
/metrics    for Prometheus
/healthz    the sampling loop turns
/readyz     a first sample was taken
`

// index is the page for who asks for HTML, as browsers do, and else the paths.
func index(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		page.Index(w, r)
		return
	}
	writeText(w, http.StatusOK, paths)
}
