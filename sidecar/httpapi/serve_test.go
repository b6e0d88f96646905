package httpapi

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serve runs Serve and returns its address, what ends it, and its outcome.
func serve(t *testing.T, h http.Handler) (addr string, cancel func(), done <-chan error) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, nil, h, func(string) {}) }()
	return l.Addr().String(), cancel, ended
}

func await(t *testing.T, done <-chan error) {
	t.Helper()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(2 * time.Second):
		t.Fatal("Serve goes on 2 s after the end of its context")
	}
}

func dial(t *testing.T, addr, request string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestServeEnds(t *testing.T) {
	goroutines := runtime.NumGoroutine()
	begun := make(chan struct{}, 1)
	endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		begun <- struct{}{}
		for block := make([]byte, 64<<10); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	addr, cancel, done := serve(t, endless)
	silent := dial(t, addr, "GET / HTTP/1.1\r\nHo") // never goes on
	defer silent.Close()
	deaf := dial(t, addr, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") // never reads
	defer deaf.Close()
	<-begun
	cancel()
	await(t, done)
	if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr); err == nil {
		conn.Close()
		t.Error("the address is still taken")
	}
	for range 200 { // handlers end a little later
		if runtime.NumGoroutine() <= goroutines {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	stacks := make([]byte, 64<<10)
	t.Errorf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), goroutines, stacks[:runtime.Stack(stacks, true)])
}

// TestServeFinishesRequests: a request before the end gets the whole response, and Serve
// returns after it.
func TestServeFinishesRequests(t *testing.T) {
	begun, returned := make(chan struct{}), make(chan struct{})
	addr, cancel, done := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		time.Sleep(200 * time.Millisecond)
		writeText(w, http.StatusOK, "all of it")
		close(returned)
	}))
	conn := dial(t, addr, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	defer conn.Close()
	<-begun
	cancel()
	await(t, done)
	select {
	case <-returned:
	default:
		t.Error("Serve returned during a request")
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if text := body(t, r); text != "all of it" {
		t.Errorf("%q", text)
	}
}

func TestServeFails(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), l, nil, http.NotFoundHandler(), nil); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("a listener that is closed: %v", err)
	}
}

// exhausted fails once, as a listener does when the process has no descriptors left.
type exhausted struct {
	net.Listener
	failed bool
}

func (e *exhausted) Accept() (net.Conn, error) {
	if !e.failed {
		e.failed = true
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return e.Listener.Accept()
}

// TestServerErrors: errors of the server itself are reported, those of clients are not.
func TestServerErrors(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	warnings := make(chan string, 10)
	done := make(chan error, 1)
	go func() {
		h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug") })
		done <- Serve(ctx, &exhausted{Listener: l}, nil, h, func(text string) { warnings <- text })
	}()
	for _, request := range []string{"not HTTP\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"} {
		conn := dial(t, l.Addr().String(), request)
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Error(err)
		}
		conn.Close()
	}
	cancel()
	await(t, done)
	close(warnings)
	for _, want := range []string{"too many open files", "a bug"} {
		if text := <-warnings; !strings.Contains(text, want) || strings.HasSuffix(text, "\n") {
			t.Errorf("%q, want %q", text, want)
		}
	}
	if text, more := <-warnings; more {
		t.Errorf("also %q", text)
	}
}
