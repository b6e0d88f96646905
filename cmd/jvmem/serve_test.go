package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// checkServing reads the log of a jvmem that waits for a JVM, queries it over HTTP,
// and ends it.
func checkServing(t *testing.T, log io.Reader, cancel context.CancelFunc) {
	t.Helper()
	lines := bufio.NewScanner(log)
	if !lines.Scan() {
		t.Fatalf("nothing was logged: %v", lines.Err())
	}
	var line map[string]any
	if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, lines.Text())
	}
	if !strings.HasPrefix(lines.Text(), `{"@timestamp":"`) || line["log.level"] != "info" ||
		line["message"] != "waiting for a JVM: no HotSpot JVM in this PID namespace" || line["ecs.version"] == nil {
		t.Errorf("log line %s", lines.Text())
	}
	base := "http://" + address(t)
	// Ready although there is no JVM: it may be started after this.
	await(t, base+"/readyz")
	await(t, base+"/healthz")
	text := await(t, base+"/breakdown")
	var report struct {
		Schema     string
		Pod        any
		Containers []any
		Sources    []struct{ Name, Reason, Fix string }
	}
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if report.Schema != "jvmem.breakdown/v1" || report.Pod != nil || report.Containers == nil || len(report.Sources) != 1 || report.Sources[0].Fix == "" {
		t.Errorf("breakdown %s", text)
	}
	time.Sleep(300 * time.Millisecond) // more samples, which log nothing new
	cancel()
	ended := time.Now()
	for lines.Scan() {
		t.Errorf("one more log line: %s", lines.Text())
	}
	if took := time.Since(ended); took > 2*time.Second {
		t.Errorf("it took %s to end", took)
	}
}

// patience limits waiting on a busy machine.
const patience = time.Minute

// await repeats a request until the status is 200.
func await(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		r, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if r.StatusCode == http.StatusOK {
			return string(text)
		}
	}
	t.Fatalf("no answer 200 from %s", url)
	return ""
}

// address returns where this process listens.
func address(t *testing.T) string {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if address := listening(t); address != "" {
			return address
		}
	}
	t.Fatal("this process does not listen")
	return ""
}

// listening returns where this process listens now, "" if it does not.
func listening(t *testing.T) string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listens == 0 {
			continue
		}
		if name, err := unix.Getsockname(fd); err == nil {
			if inet, ok := name.(*unix.SockaddrInet4); ok {
				return fmt.Sprintf("127.0.0.1:%d", inet.Port)
			}
		}
	}
	return ""
}
