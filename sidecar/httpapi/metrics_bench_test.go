package httpapi

import (
	"fmt"
	"net/http"
	"testing"

	jvmthreads "github.com/jvmem/jvmem/jvm/threads"
)

// BenchmarkScrape scrapes a JVM with more pools than have series of their own.
func BenchmarkScrape(b *testing.B) {
	s := observed(b)
	report, _ := s.latestReport()
	j := &report.Containers[0].JVMs[0]
	for i := range 2 * maxPools {
		j.Threads.Pools = append(j.Threads.Pools, jvmthreads.Pool{Name: fmt.Sprintf("pool-%c%c-thread-#", 'a'+i/26, 'a'+i%26), Count: i})
	}
	report.Containers = report.Containers[:1]
	h := Handler(s, maxAge)
	b.ReportAllocs()
	for b.Loop() {
		w := &discard{header: make(http.Header)}
		r, _ := http.NewRequestWithContext(b.Context(), http.MethodGet, "/metrics", nil)
		h.ServeHTTP(w, r)
		if w.code >= 300 || w.bytes < 5000 {
			b.Fatalf("%d, %d bytes", w.code, w.bytes)
		}
		b.ReportMetric(float64(w.bytes), "bytes")
	}
}

type discard struct {
	header      http.Header
	code, bytes int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(code int)        { d.code = code }
func (d *discard) Write(p []byte) (int, error) { d.bytes += len(p); return len(p), nil }
