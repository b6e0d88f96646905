package server

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// TestCrowd: 1,500 clients that say nothing, send slowly or do not read keep nobody
// waiting, and take no more than maxConns connections.
func TestCrowd(t *testing.T) {
	before := runtime.NumGoroutine()
	var memory, after runtime.MemStats
	runtime.ReadMemStats(&memory)
	addr, cancel, done := serve(t, Handler(full(t), maxAge))
	requests := []string{"", "GET /breakdown HTTP/1.1\r\nHo", "GET /oom HTTP/1.1\r\nHost: x\r\n\r\n"}
	var clients []net.Conn
	defer func() {
		for _, conn := range clients {
			conn.Close()
		}
	}()
	answered := make(chan time.Duration, 10_000)
	stop := make(chan struct{})
	go func() {
		defer close(answered)
		fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
		kept := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
		for len(answered) < cap(answered)-1 {
			for _, c := range []*http.Client{fresh, kept} {
				answered <- patient(t, c, "http://"+addr+"/breakdown")
			}
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	for i := range 1500 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, conn)
		_, _ = io.WriteString(conn, requests[i%len(requests)]) // it may be closed already
	}
	runtime.ReadMemStats(&after)
	if n := runtime.NumGoroutine() - before; n > 2*maxConns+20 {
		t.Errorf("%d goroutines for %d clients", n, len(clients))
	}
	if grew := int64(after.HeapInuse+after.StackInuse) - int64(memory.HeapInuse+memory.StackInuse); grew > 24<<20 {
		t.Errorf("memory grew by %d MiB", grew>>20)
	}
	close(stop)
	count := 0
	for took := range answered {
		if count++; took > readTimeout/2 { // after which silent clients would be sent away anyway
			t.Errorf("an answer took %s", took)
		}
	}
	if count == 0 {
		t.Error("no answer at the end")
	}
	cancel()
	await(t, done)
}

// patient asks until there is an answer, as Prometheus does at its next scrape, and
// returns how long it took: on a busy machine 100 ms may not be enough for one.
func patient(t *testing.T, c *http.Client, url string) time.Duration {
	begun := time.Now()
	for range 10 {
		r, err := c.Get(url)
		if err != nil {
			continue
		}
		_, err = io.Copy(io.Discard, r.Body)
		r.Body.Close()
		if err == nil && r.StatusCode == http.StatusOK {
			return time.Since(begun)
		}
	}
	t.Error("no answer to ten requests")
	return time.Since(begun)
}

// TestLargeAnswers: who does not take a large answer holds up no more than maxLarge.
func TestLargeAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := large(make(chan struct{}, maxLarge), func(w http.ResponseWriter, _ *http.Request) {
			<-release
			writeText(w, http.StatusOK, "all of it")
		})
		answers := make(chan int, maxLarge+1)
		for range maxLarge + 1 {
			go func() {
				w := httptest.NewRecorder()
				h(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/history", nil))
				answers <- w.Code
			}()
		}
		if code := <-answers; code != http.StatusServiceUnavailable {
			t.Errorf("one too many: %d", code)
		}
		close(release)
		for range maxLarge {
			if code := <-answers; code != http.StatusOK {
				t.Errorf("the others: %d", code)
			}
		}
	})
}
