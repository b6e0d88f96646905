package sidecar

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/eventlog"
	"github.com/jvmem/jvmem/sidecar/sample"
)

// evil is a name that a container may give a thread, a process or anything else: it would
// clear a terminal, ring, reverse text, begin a new line, and end a JSON string. A
// process' name has 15 bytes of it.
const evil = "\x1b[2J\x07\r\n\xff\"},\u202e"

// TestHostileContainer: names that the container chooses, also those of a process that
// poses as a JVM, are shown nowhere unescaped.
func TestHostileContainer(t *testing.T) {
	f := jvmtest.NewUnsignalled(t)
	f.SetThreads(evil, "\x1b[31m-1", "\x1b[31m-2", "Attach Listener")
	other := filepath.Join(f.Proc, "99")
	if err := os.MkdirAll(filepath.Join(other, "task", "99"), 0o700); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(filepath.Join(f.Proc, fmt.Sprint(f.PID), "status"))
	if err != nil {
		t.Fatal(err)
	}
	perf := jvmtest.Capture(t, "../jvm/hsperf/testdata/jdk17/g1/hsperfdata.bin.gz")
	f.PutPerf(bytes.ReplaceAll(perf, []byte("17.0.21.0.3"), []byte("17\x1b[31m\r\n\a\"")))
	for path, text := range map[string][]byte{
		filepath.Join(other, "status"):                     bytes.Replace(status, []byte("java"), []byte("\x1b[31m\x07\"}\u202e"), 1),
		filepath.Join(other, "task", "99", "stat"):         []byte("99 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 5 20 21\n"),
		filepath.Join(other, "cgroup"):                     []byte("0::/pod/c\n"),
		filepath.Join(other, "maps"):                       []byte("7f00-7f01 r-xp 00000000 00:00 42    /bin/sh\n"),
		filepath.Join(other, "smaps_rollup"):               []byte("7f00-7f01 ---p 00000000 00:00 0    [rollup]\nRss: 900 kB\nAnonymous: 800 kB\n"),
		filepath.Join(f.Proc, fmt.Sprint(f.PID), "cgroup"): []byte("0::/pod/c\n"),
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.Listen(func(conn net.Conn, commands []string) {
		answer := evil + strings.Repeat(evil, 10)
		if slices.Contains(commands, "VM.native_memory summary") {
			answer += "\nNative Memory Tracking:\n\nTotal: reserved=9000KB, committed=9000KB\n" +
				"-   \x1b[31m\x07\"}\u202e (reserved=900KB, committed=900KB)\n       (malloc=900KB #3)\n"
		}
		_, _ = io.WriteString(conn, "0\n"+answer) // the client may be gone
	})

	log := &lines{}
	address := make(chan string, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	state := t.TempDir()
	go func() {
		done <- Serve(ctx, ServeOptions{
			Options: sample.Options{Proc: f.Proc}, Listen: "127.0.0.1:0", Interval: 100 * time.Millisecond, LogInterval: time.Millisecond,
			Retention: time.Hour, StateDir: state, Log: eventlog.New(log, "test"), Listening: func(a net.Addr) { address <- a.String() },
		})
	}()
	s := &served{url: "http://" + <-address}
	s.await(t, "some samples", func() bool { return len(log.of(t, "jvmem.breakdown")) > 2 })
	for name, in := range map[string]string{ // so that something is tested
		`"name": "\\x1b[31m-#"`:              s.get(t, "/breakdown"),
		`"version": "17\\x1b[31m\\r\\n\\a`:   s.get(t, "/breakdown"),
		`"command":"\\x1b[31m\\a\"}\\u202e"`: readFacts(t, f.Proc),
		`"Name":"\\x1b[31m\\a\"}\\u202e"`:    readFacts(t, f.Proc),
		`pool/\\x1b[31m-#`:                   s.get(t, "/history"),
		`"message":"/pod/c uses an unknown`:  log.text(),
	} {
		if !strings.Contains(in, name) {
			t.Errorf("%s is not in %s", name, in)
		}
	}
	for _, path := range []string{"/", "/breakdown?format=text", "/diagnosis?format=text", "/oom?format=text", "/metrics"} {
		checkPrintable(t, path, s.get(t, path))
	}
	for _, path := range []string{"/breakdown", "/diagnosis", "/oom", "/history"} {
		checkJSON(t, path, s.get(t, path))
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(log.text()) {
		checkJSON(t, "log", line)
	}
	files, err := filepath.Glob(filepath.Join(state, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		checkPrintable(t, file, string(text))
	}
}

// readFacts returns what attribution gets, as JSON.
func readFacts(t *testing.T, procfs string) string {
	t.Helper()
	s := sample.New(sample.Options{Proc: procfs})
	defer s.Close()
	facts, err := s.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(facts)
	if err != nil {
		t.Fatal(err)
	}
	checkJSON(t, "facts", string(text))
	return string(text)
}

// checkPrintable checks text for a terminal.
func checkPrintable(t *testing.T, where, text string) {
	t.Helper()
	for i, r := range text {
		if r != '\n' && !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			t.Errorf("%s: %q in %q", where, r, text[max(0, i-40):min(len(text), i+40)])
			return
		}
	}
}

// checkJSON checks a document, and all that is in it once it is decoded.
func checkJSON(t *testing.T, where, text string) {
	t.Helper()
	checkPrintable(t, where, text)
	var document any
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Errorf("%s: %v", where, err)
	}
	checkStrings(t, where, document)
}

func checkStrings(t *testing.T, where string, value any) {
	t.Helper()
	switch v := value.(type) {
	case string:
		checkPrintable(t, where, v)
		if strings.Contains(v, "\n") {
			t.Errorf("%s: more than a line: %q", where, v)
		}
	case []any:
		for _, element := range v {
			checkStrings(t, where, element)
		}
	case map[string]any:
		for name, element := range v {
			checkStrings(t, where, name)
			checkStrings(t, where, element)
		}
	}
}
