package sidecar

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestFewDescriptors: where observing JVMs uses up all descriptors, requests are answered,
// also beside clients that hold connections open, and the fix is logged once.
func TestFewDescriptors(t *testing.T) {
	var pids []int
	for range 3 {
		pids = append(pids, jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx16m", "-XX:+UseSerialGC"}}).PID)
	}
	s := startCommand(t, []string{"prlimit", "--nofile=24:24"}, "--proc", jvmtest.NewPodProc(t, pids...).Dir())
	const reason = "too many open files: raise the limit of open files"
	s.await(t, "there are no descriptors left", func() bool { return strings.Contains(s.log.text(), reason) })
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for range 12 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		r, err := client.Get(s.url + "/healthz")
		if err != nil {
			t.Fatalf("%v\n%s", err, s.log.text())
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Errorf("/healthz: %s", r.Status)
		}
	}
	time.Sleep(time.Second) // more samples, which log nothing new
	for _, kind := range []string{"watch", "sample", "http"} {
		if n := strings.Count(s.log.text(), `"message":"`+kind+": "); n > 1 {
			t.Errorf("logged %d times: %s", n, s.log.text())
		}
	}
}
