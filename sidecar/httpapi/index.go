package httpapi

import (
	"net/http"
	"strings"

	"github.com/jvmem/jvmem/sidecar/httpapi/page"
)

const paths = `jvmem: attributes every byte of a JVM container's memory

/           page for browsers
/breakdown  memory by row: JSON; ?format=text for a table
/diagnosis  what grows, and when the limit is reached: JSON; ?format=text
/owners     whose native memory grows: JSON; ?format=text
/sizing     what to set: JSON; ?format=text; ?limit=512Mi
/history    memory over time: JSON; ?since=1h&step=1m
/chart.svg  memory over time: picture; ?since=1h&container=app
/oom        autopsies of JVMs that ended: JSON; ?format=text
/metrics    Prometheus metrics
/healthz    liveness: the sampling loop runs
/readyz     readiness: the first sample was taken
`

// index serves the page to clients that accept HTML, as browsers do, and the list of
// paths to others.
func index(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		page.Index(w, r)
		return
	}
	writeText(w, http.StatusOK, paths)
}
