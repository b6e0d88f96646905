package sidecar

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// incident returns the first incident of the first container.
func (s *served) incident(t *testing.T) (i diagnosis.Incident, ok bool) {
	t.Helper()
	var d diagnosis.Report
	if err := json.Unmarshal([]byte(s.get(t, "/diagnosis")), &d); err != nil || len(d.Containers) == 0 || len(d.Containers[0].Incidents) == 0 {
		return i, false // no diagnosis yet
	}
	return d.Containers[0].Incidents[0], true
}

// actions returns what was logged about incidents and verdicts.
func (s *served) actions(t *testing.T) (all []string) {
	t.Helper()
	for _, line := range s.log.of(t, "jvmem.diagnosis") {
		all = append(all, line["event"].(map[string]any)["action"].(string))
	}
	return all
}

// TestIncidentOutlivesRestart: an incident is logged once, goes on after a restart of
// jvmem, and is in the autopsy of its JVM.
func TestIncidentOutlivesRestart(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{LimitBytes: 512 * mib, JVMFlags: []string{"-Xmx64m", "-XX:NativeMemoryTracking=summary"}})
	o := ServeOptions{Interval: 100 * time.Millisecond}
	o.StateDir = filepath.Join(t.TempDir(), "state")
	first := serveFor(t, o, j)
	var before diagnosis.Incident
	first.await(t, "an incident is confirmed", func() bool {
		j.Do("threads 1 100 leaky")
		before, _ = first.incident(t)
		return before.State == diagnosis.Confirmed
	})
	first.await(t, "the verdict is logged", func() bool { return slices.Contains(first.actions(t), "verdict_appeared") })
	// The history of a restart has steps of 2.5 s: the last three must be above half of the gain.
	time.Sleep(8 * time.Second)
	first.end()
	if got := first.actions(t); len(slices.DeleteFunc(slices.Clone(got), func(a string) bool { return a != "incident_confirmed" })) != 1 {
		t.Errorf("logged %v", got)
	}

	second := serveFor(t, o, j)
	var after diagnosis.Incident
	second.await(t, "the incident is known", func() (ok bool) { after, ok = second.incident(t); return ok })
	if after.Verdict != rows.VerdictThreads || after.State != diagnosis.Confirmed && after.State != diagnosis.Paused || !after.Opened.Equal(before.Opened) || !after.Confirmed.Equal(*before.Confirmed) {
		t.Errorf("%+v\nwant\n%+v", after, before)
	}
	if got := second.actions(t); slices.Contains(got, "incident_confirmed") || slices.Contains(got, "verdict_appeared") {
		t.Errorf("logged again: %v", got)
	}
	if text := second.get(t, "/metrics"); !strings.Contains(text, `jvmem_leak_suspected{cause="threads",container="app"} 1`) {
		t.Errorf("the metric does not follow the incident:\n%s\n%s", second.get(t, "/diagnosis?format=text"), second.get(t, "/diagnosis"))
	}
	j.Send("exit 3")
	if a := second.awaitAutopsy(t); a.Incident == nil || !a.Incident.Opened.Equal(before.Opened) {
		t.Errorf("the autopsy has the incident %+v, %+v", a.Incident, a.Diagnosis)
	}
	second.end()

	// Damage is reported, and ignored.
	if err := os.WriteFile(filepath.Join(o.StateDir, "incidents.json"), []byte(`{"schema":`), 0o600); err != nil {
		t.Fatal(err)
	}
	next := jvmtest.Start(t, jvmtest.Options{LimitBytes: 512 * mib, JVMFlags: []string{"-Xmx64m"}})
	third := serveFor(t, o, next)
	if _, ok := third.incident(t); ok || !strings.Contains(third.log.text(), "not all earlier incidents can be read") {
		t.Errorf("after damage: %s", third.get(t, "/diagnosis"))
	}
}
