package sidecar

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/evidence/cause"
	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/byhand"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/eventlog"
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
	for _, verdict := range []rows.Verdict{rows.VerdictThreads, rows.VerdictClassLoader, rows.VerdictNativeUntracked, rows.VerdictHeap, rows.VerdictJVMInternal} {
		g := collector.Gather(t.Context(), time.Now(), &c, &diagnosis.Finding{Verdict: verdict, Subject: "GC Thread#"}, evidence.Confirmed)
		text += fmt.Sprintf("%+v\n", g)
	}
	text += fmt.Sprintf("%+v\n", c.JVMs)
	if c.Row(rows.Heap).Bytes == nil {
		t.Errorf("nothing was read: %+v", c.Sources)
	}
	return text
}

// TestNoSecretsOfRecordings: what a recording shows, of jvmem's own and of somebody else that
// holds the properties and the environment of the JVM, has none of them, in JSON, text and log.
func TestNoSecretsOfRecordings(t *testing.T) {
	const secret = "s3cr3t-hunter3"
	for _, tt := range []struct {
		name  string
		flags []string
		kinds []cause.Kind
	}{
		{"own", nil, []cause.Kind{cause.Threads}},
		{"of somebody else", []string{"-XX:StartFlightRecording=settings=default,maxsize=16M,dumponexit=false"}, []cause.Kind{cause.Threads, cause.ClassLoader, cause.Heap}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := jvmtest.Start(t, jvmtest.Options{
				JVMFlags: append([]string{"-Xmx64m", "-XX:+UseSerialGC", "-Ddb.password=" + secret}, tt.flags...),
				Env:      []string{"DB_PASSWORD=" + secret}, LimitBytes: 256 * mib,
			})
			if tt.flags != nil {
				j.Do("threads 30 16 leak")
				awaitRecorded(t, j.PID, secret)
			}
			for _, kind := range tt.kinds {
				ctx, stop := context.WithCancel(t.Context())
				var progress io.Writer = onWrite(func() { // it records: show it a leak, then end it
					j.Do("threads 30 16 leak")
					stop()
				})
				if tt.flags != nil {
					progress = io.Discard
				}
				o := byhand.RecordOptions{Options: sample.Options{Proc: "/proc", PID: j.PID}, Kind: string(kind), Duration: time.Minute, Consent: true}
				found, err := byhand.Record(ctx, o, progress)
				// JFR writes the buffers of threads once a second, the secret perhaps earlier.
				for end := time.Now().Add(time.Minute); tt.flags != nil && err == nil && kind == cause.Threads && len(found.Causes) == 0 && time.Now().Before(end); {
					found, err = byhand.Record(ctx, o, progress)
				}
				stop()
				if err != nil {
					t.Fatalf("%s: %v", kind, err)
				}
				if kind == cause.Threads && len(found.Causes) == 0 {
					t.Errorf("nothing was read: %+v", found)
				}
				asJSON, err := json.Marshal(found)
				if err != nil {
					t.Fatal(err)
				}
				var log bytes.Buffer
				d := diagnosis.Diagnosis{Verdict: rows.VerdictThreads, Findings: []diagnosis.Finding{{Verdict: rows.VerdictThreads, Gathered: &diagnosis.Gathered{Text: found.Lines()}}}}
				if err := eventlog.New(&log, "test").Diagnosis(t.Context(), time.Now(), nil, &d, diagnosis.Changed); err != nil {
					t.Fatal(err)
				}
				for where, text := range map[string]string{"JSON": string(asJSON), "text": strings.Join(found.Lines(), "\n"), "log": log.String()} {
					if text == "" || strings.Contains(text, secret) {
						t.Errorf("%s, %s: %q", kind, where, text)
					}
				}
			}
		})
	}
}

// onWrite calls a function each time something is written.
type onWrite func()

func (f onWrite) Write(p []byte) (int, error) {
	f()
	return len(p), nil
}

// awaitRecorded waits until the file of JFR holds a text: it is written once a second.
func awaitRecorded(t *testing.T, pid int, text string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, file := range files {
			if target, _ := os.Readlink(file); !strings.Contains(target, ".jfr") {
				continue
			}
			if content, _ := os.ReadFile(file); bytes.Contains(content, []byte(text)) {
				return
			}
		}
	}
	t.Fatal("the recording of somebody else lacks the secret")
}
