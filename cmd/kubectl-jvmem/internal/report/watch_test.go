package report

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// TestProgress decodes a breakdown that jvmem wrote.
func TestProgress(t *testing.T) {
	text, err := os.ReadFile("../../../../sidecar/breakdown/testdata/jdk17-g1-nmt-summary.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var b breakdown
	if err := json.Unmarshal(text, &b); err != nil || len(b.Containers) != 1 || b.Containers[0].UsageBytes == nil {
		t.Fatalf("%v: %+v", err, b)
	}
	name := b.Containers[0].Name
	d := &diagnosis{}
	if err := json.Unmarshal([]byte(`{"containers": [{"name": "`+name+`", "verdict": "\u001b[31mheap"}]}`), d); err != nil {
		t.Fatal(err)
	}
	line := progress(65*time.Second, 10*time.Minute, &b, d, "")
	want := "1m5s of 10m0s   " + name + " " + size(b.Containers[0].UsageBytes)
	if !strings.HasPrefix(line, want) || !strings.HasSuffix(line, ", ?[31mheap") {
		t.Errorf("%q, want %q", line, want)
	}
	if line := progress(11*time.Minute, 10*time.Minute, &b, d, "other"); line != "10m0s of 10m0s" {
		t.Errorf("another container: %q", line)
	}
	if got := cut("žluť", 2); got != "žl" {
		t.Errorf("cut to %q", got)
	}
}

// TestEndsSince: an end before the watch is not the one that broke it.
func TestEndsSince(t *testing.T) {
	var pod corev1.Pod
	err := yaml.UnmarshalStrict([]byte(`
status:
  containerStatuses:
  - {name: jvmem, state: {terminated: {reason: Error, exitCode: 1, finishedAt: "2026-11-28T10:05:00Z"}}}
  - {name: proxy, state: {running: {}}}
  - {name: app, state: {running: {}}, lastState: {terminated: {reason: OOMKilled, exitCode: 137, startedAt: "2026-11-28T10:00:00Z", finishedAt: "2026-11-28T10:05:00Z"}}}`), &pod)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 28, 10, 5, 0, 0, time.UTC)
	ends := endsSince(&pod, at.Add(900*time.Millisecond), "")
	if len(ends) != 1 || ends[0] != "container app ended while it was observed: OOMKilled, exit code 137, at 2026-11-28T10:05:00Z after 5m0s" {
		t.Errorf("%q", ends)
	}
	if ends := endsSince(&pod, at.Add(time.Second), ""); ends != nil {
		t.Errorf("an earlier end: %q", ends)
	}
	if ends := endsSince(&pod, at, "proxy"); ends != nil {
		t.Errorf("another container: %q", ends)
	}
}
