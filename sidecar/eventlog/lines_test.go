package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/incidents"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// realLines returns lines of all datasets: breakdowns from recorded facts of real JVMs,
// verdicts on recorded histories, and autopsies.
func realLines(t *testing.T) []string {
	t.Helper()
	var b bytes.Buffer
	log := New(&b, "v1.2.3")
	r := report() // all fields are set
	containers := attributed(t)
	verdicts := judged(t)
	r.Containers = append(r.Containers, containers...)
	next := 0
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check(log.Breakdown(t.Context(), r, func(*breakdown.Container) *diagnosis.Diagnosis {
		next++
		return verdicts[next%len(verdicts)]
	}))
	for i, d := range verdicts {
		var minutes *history.Track // half of the causes come from a burst, half from the verdict
		if i%2 == 1 {
			minutes = before(t)
		}
		check(log.Diagnosis(t.Context(), r.Time, r.Pod, d, []diagnosis.Change{diagnosis.Appeared, diagnosis.Changed, diagnosis.Cleared, diagnosis.CauseNamed}[i%4]))
		for _, death := range deaths(r.Time) {
			last := containers[i%len(containers)]
			last.JVMs[0].PID = death.PID
			a := autopsy.Explain(death, autopsy.State{Last: &last, LastTime: r.Time.Add(-1500 * time.Millisecond), Diagnosis: d, Before: minutes})
			check(log.Autopsy(t.Context(), r.Pod, &a))
		}
	}
	for _, change := range courses(r.Time) {
		check(log.Incident(t.Context(), r.Time, r.Pod, r.Containers[0].Identity, &change))
	}
	log.Warn("waiting for a JVM", slog.Any("error", errors.New("none")))
	return split(t, b.String())
}

// attributed returns containers from recorded facts.
func attributed(t *testing.T) []breakdown.Container {
	t.Helper()
	files, err := filepath.Glob("../breakdown/testdata/*.facts.json")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d recordings: %v", len(files), err)
	}
	var all []breakdown.Container
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var facts []breakdown.Facts
		if err := json.Unmarshal(text, &facts); err != nil {
			t.Fatal(err)
		}
		facts[0].Name = "app"
		all = append(all, breakdown.Attribute(facts[0]))
	}
	return all
}

// recording returns a recorded history.
func recording(t *testing.T, name string) *history.Container {
	t.Helper()
	file, err := os.Open("../diagnosis/testdata/recordings/" + name + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	recorded, err := history.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return recorded.Containers[0]
}

// judged returns verdicts on recorded histories, one of each kind.
func judged(t *testing.T) []*diagnosis.Diagnosis {
	t.Helper()
	var all []*diagnosis.Diagnosis
	for _, name := range []string{"threads", "direct-buffers", "heap", "child-process", "page-cache-up-to-the-limit", "budget-too-large", "idle"} {
		d := diagnosis.Diagnose(recording(t, name))
		if len(d.Findings) > 0 {
			d.Findings[0].Gathered = &diagnosis.Gathered{Text: []string{"12 threads wait in java.lang.Thread.sleep", "3 run"}}
		}
		all = append(all, &d)
	}
	return all
}

// before returns the history before the ends.
func before(t *testing.T) *history.Track {
	c := recording(t, "direct-buffers")
	last, _ := c.LastTime()
	return c.Between(last.Add(-autopsy.Before), last)
}

// deaths returns ends of every kind.
func deaths(at time.Time) []autopsy.Death {
	exit := func(code int) *proc.Exit { return &proc.Exit{Code: &code} }
	last := &cgroup.Reading{Time: at.Add(-200 * time.Millisecond), UsageBytes: 512 * mib, AnonBytes: new(int64(500 * mib)), KernelBytes: new(int64(40 * mib))}
	killed := autopsy.Death{Time: at, PID: 7, KillsBefore: new(int64(0)), KillsAfter: new(int64(1)), Exit: &proc.Exit{Signal: new(syscall.SIGKILL)}, Reading: last}
	other := killed
	other.Alive, other.Exit = true, nil
	return []autopsy.Death{killed, other, {Time: at, PID: 7, Exit: exit(0)}, {Time: at, PID: 7, Exit: exit(143)}, {Time: at, PID: 7}}
}

// courses are changes of two incidents: one of a count, one of bytes.
func courses(at time.Time) []incidents.Change {
	pool := diagnosis.Incident{
		Verdict: rows.VerdictThreads, Subject: "leak-#", State: diagnosis.Suspected, Since: at.Add(-time.Hour), Opened: at.Add(-30 * time.Minute),
		LastGrowth: at.Add(-time.Minute), Measure: history.PrefixPool + "leak-#", From: 3, To: 86, Gained: 83,
	}
	loaders := diagnosis.Incident{
		Verdict: rows.VerdictHeap, State: diagnosis.Closed, Since: at.Add(-time.Hour), Opened: at.Add(-50 * time.Minute), Confirmed: new(at.Add(-40 * time.Minute)),
		Closed: &at, LastGrowth: at.Add(-5 * time.Minute), Measure: history.OldUsed, From: 10 * mib, To: 90 * mib, Gained: 80 * mib, Waiting: "a collection of the old generation",
	}
	return []incidents.Change{{Action: incidents.Opened, Incident: pool}, {Action: incidents.Closed, Incident: loaders}}
}
