package sidecar

import (
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestConnectionLimit: 10,000 clients that are idle, slow or do not read take neither
// more connections than the limit, nor memory, nor samples. Other requests are answered
// meanwhile; the oldest connections are closed.
func TestConnectionLimit(t *testing.T) {
	const clients, maxConns = 10_000, 256
	limit := unix.Rlimit{Cur: clients + 2000, Max: clients + 2000}
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	if was.Cur < limit.Cur {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatalf("this test needs %d descriptors: %v", limit.Cur, err)
		}
	}
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 * mib})
	s := serveFor(t, ServeOptions{Interval: 100 * time.Millisecond}, j)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)

	stop, answers := make(chan struct{}), make(chan [2]int)
	go func() { answers <- askPatiently(s.url, stop) }()
	first := s.latest(t).Time
	fds := make([]int, 0, clients)
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	to := address(t, s.url)
	requests := []string{"", "GET /breakdown HTTP/1.1\r\nHo", "GET /history HTTP/1.1\r\nHost: x\r\n\r\n"}
	for i := range clients {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
		if err := unix.Connect(fd, to); err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		_ = unix.Sendto(fd, []byte(requests[i%len(requests)]), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, nil) // it may be closed already
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grew := int64(after.HeapAlloc+after.StackInuse) - int64(before.HeapAlloc+before.StackInuse); grew > 16*mib {
		t.Errorf("memory grew by %d MiB", grew>>20)
	} else {
		t.Logf("memory grew by %d KiB", grew>>10)
	}
	s.await(t, "the oldest make room", func() bool { return countOpen(fds) <= maxConns })
	s.await(t, "a sample after them", func() bool { return s.latest(t).Time.After(first) })
	close(stop)
	count := <-answers
	t.Logf("%d answers meanwhile, %d connections closed before one; %d of %d clients are connected", count[0], count[1], countOpen(fds), clients)
	if count[0] == 0 {
		t.Error("no client got a response meanwhile")
	}
	if health := s.get(t, "/healthz"); health != "ok\n" {
		t.Errorf("/healthz: %q", health)
	}
}

// askPatiently repeats a request, as probes and Prometheus do, and returns how many
// answers it got, and how many connections were closed before there was one.
func askPatiently(url string, stop <-chan struct{}) (count [2]int) {
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	kept := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	for {
		for _, c := range []*http.Client{fresh, kept} {
			failed := 1
			if r, err := c.Get(url + "/healthz"); err == nil {
				if text, err := io.ReadAll(r.Body); err == nil && string(text) == "ok\n" {
					failed = 0
				}
				r.Body.Close()
			}
			count[failed]++
		}
		select {
		case <-stop:
			return count
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// countOpen counts the connections that the other side has not closed.
func countOpen(fds []int) (open int) {
	for _, fd := range fds {
		fd := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		if _, err := unix.Poll(fd, 0); err == nil && fd[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) == 0 {
			open++
		} else if errors.Is(err, unix.EINTR) {
			open++
		}
	}
	return open
}

func address(t *testing.T, url string) unix.Sockaddr {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp4", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	return &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(a.IP.To4())}
}
