package sidecar

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/evidence"
	"github.com/jvmem/jvmem/sidecar/rows"
	"github.com/jvmem/jvmem/sidecar/sample"
)

// TestNoSecrets: what is in the command line and the environment of a JVM is in no
// answer, no log line and no file, also when it ends and when it is asked for
// evidence. VM.info and hsperfdata, which are read, hold all of it.
func TestNoSecrets(t *testing.T) {
	const secret = "s3cr3t-hunter2"
	j := jvmtest.Start(t, jvmtest.Options{
		JVMFlags: []string{
			"-Xmx64m", "-XX:NativeMemoryTracking=summary", "-Ddb.password=" + secret, "-XX:OnOutOfMemoryError=curl -u " + secret,
			"-XX:HeapDumpPath=/tmp/" + secret, "-Xlog:disable", "-XX:FlightRecorderOptions=repository=/tmp/" + secret,
		},
		Env:        []string{"DB_PASSWORD=" + secret, "LD_LIBRARY_PATH=/" + secret},
		LimitBytes: 256 * mib,
	})
	proc := fmt.Sprintf("/proc/%d/", j.PID)
	for _, file := range []string{proc + "cmdline", proc + "environ", fmt.Sprintf("/tmp/hsperfdata_root/%d", j.PID)} {
		if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), secret) {
			t.Fatalf("the JVM has no secret in %s: %v", file, err)
		}
	}
	state := t.TempDir()
	s := serveFor(t, ServeOptions{Interval: 100 * time.Millisecond, StateDir: state, Evidence: evidence.Allowed{Heap: true}}, j)
	shown := map[string]string{"evidence": evidenceOf(t, j)}
	look := func(when string) {
		for _, path := range []string{"/", "/breakdown", "/breakdown?format=text", "/diagnosis", "/diagnosis?format=text", "/owners", "/history", "/oom", "/oom?format=text", "/metrics"} {
			shown[path+" "+when] = s.get(t, path)
		}
	}
	look("while it runs")
	if !strings.Contains(shown["/breakdown while it runs"], `"nmt": "summary"`) {
		t.Errorf("the JVM did not answer: %s", shown["/breakdown while it runs"])
	}
	if err := syscall.Kill(j.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.awaitAutopsy(t)
	look("after its end")
	s.end()
	shown["log"] = s.log.text()
	files, err := filepath.Glob(filepath.Join(state, "*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("state files %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		shown[file] = string(text)
	}
	for where, text := range shown {
		if text == "" {
			t.Errorf("%s is empty", where)
		}
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("%s: %s", where, text[max(0, at-100):at+len(secret)])
		}
	}
}

// evidenceOf collects all evidence.
func evidenceOf(t *testing.T, j *jvmtest.JVM) string {
	t.Helper()
	s := sample.New(sample.Options{Proc: "/proc", PID: j.PID})
	defer s.Close()
	report, err := s.Sample(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := report.Containers[0]
	collector := evidence.New("/proc", evidence.Allowed{Heap: true, Recordings: true}, s.Lend)
	text := ""
	for _, verdict := range []rows.Verdict{rows.VerdictThreads, rows.VerdictClassLoader, rows.VerdictNativeUntracked, rows.VerdictHeap} {
		g := collector.Gather(t.Context(), time.Now(), &c, &diagnosis.Finding{Verdict: verdict, Subject: "GC Thread#"}, evidence.Confirmed)
		text += fmt.Sprintf("%+v\n", g)
	}
	text += fmt.Sprintf("%+v\n", c.JVMs)
	if c.Row(rows.Heap).Bytes == nil {
		t.Errorf("nothing was read: %+v", c.Sources)
	}
	return text
}
