package top_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet/fleettest"
)

// BenchmarkTop500 runs the whole command for 500 pods: the list of the pods, 1,000
// requests, and the table. The server is one process for the API server and all sidecars,
// with TLS and HTTP/2. What it waits before each reply stands for the way through the API
// server to the pod: 50 ms, for each 20th pod 500 ms, as on an overloaded node. A pod has
// 6 KB of annotations and managed fields, and its sidecar replies with a real breakdown
// and diagnosis (13 KB).
//
// With 20 pods at a time and both requests of a pod at once, waiting alone takes
// 500 / 20 * (0.95 * 50 ms + 0.05 * 500 ms) = 1.8 s at best.
//
// hung is how many sidecars accept the request and never reply: each keeps one of the 20
// places for the 5 s of --pod-timeout.
func BenchmarkTop500(b *testing.B) {
	for _, hung := range []int{0, 20} {
		b.Run(fmt.Sprintf("hung=%d", hung), func(b *testing.B) {
			server := fleettest.ServeTLS(manyPods(500, hung))
			defer server.Close()
			for b.Loop() {
				out, _, err := runOn(b, server, "-n", "shop", "--pod-timeout", "5s")
				if asked := strings.Count(out, "(confirmed)"); err != nil || asked != 500-hung {
					b.Fatal(asked, err)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/list")
		})
	}
}

func manyPods(n, hung int) []fleettest.Pod {
	var pods []fleettest.Pod
	for i := range n {
		p := fleettest.New("shop", fmt.Sprintf("orders-%03d", i), "jdk17-serial-nmt-direct-leak")
		p.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": strings.Repeat("x", 6<<10)}
		p.Latency = 50 * time.Millisecond
		if i%20 == 0 {
			p.Latency *= 10
		}
		if i < hung {
			p.Capture, p.Handler = "", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		}
		pods = append(pods, p)
	}
	return pods
}
