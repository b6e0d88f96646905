package diagnosis

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// recording is a run of a real JVM, made by `make bench-diagnosis`.
type recording struct {
	File    string       `json:"file"`
	Case    string       `json:"case"`
	JVM     string       `json:"jvm"`
	Verdict rows.Verdict `json:"verdict"`
	Subject string       `json:"subject"`
	Start   time.Time    `json:"start"` // of what leaks
	End     time.Time    `json:"end"`   // the JVM's; none if it was watched for a while only
	// Ended: the recording ends with the JVM, whose memory was full.
	Ended bool `json:"ended"`
	// Missed says what is judged wrongly today; "": nothing.
	Missed string `json:"missed"`
	// Before are the states that it is in before the leak is named.
	Before []rows.Verdict `json:"before"`
	// Setting is that of the sidecar, where the same JVM was recorded by two.
	Setting string `json:"setting"`
	// RealTime says why it cannot be judged as if all had gone slower; "": it can.
	RealTime string `json:"real_time"`
}

func recordings(t testing.TB) []recording { return listed(t, "testdata/recordings", "recordings.json") }

// servers are recordings of real servers under load that comes and goes. testdata/servers/README.md describes them.
// They are judged rightly.
func servers(t testing.TB) []recording {
	return slices.DeleteFunc(allServers(t), func(r recording) bool { return r.Missed != "" })
}

// allServers also has those that are known to be judged wrongly.
func allServers(t testing.TB) []recording {
	return listed(t, "testdata/servers", "servers.json")
}

func listed(t testing.TB, folder, index string) []recording {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, index))
	if err != nil {
		t.Fatal(err)
	}
	var all []recording
	if err := json.Unmarshal(text, &all); err != nil || len(all) == 0 {
		t.Fatal(err)
	}
	for i := range all {
		r := &all[i]
		r.File = filepath.Join(folder, r.File)
		if r.End.IsZero() {
			r.End, _ = r.open(t).LastTime()
		} else {
			r.Ended = r.Verdict.Leak()
		}
	}
	return all
}

func (r *recording) open(t testing.TB) *history.Container {
	t.Helper()
	file, err := os.Open(r.File)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	d, err := history.Read(file)
	if err != nil || len(d.Containers) != 1 {
		t.Fatalf("%s: %v", r.File, err)
	}
	return d.Containers[0]
}

// sparse returns the history with each so many-th sample, and between them what is
// read then: no rows, parts and pools.
func sparse(c *history.Container, every int) *history.Container {
	copied := *c
	t := c.Between(time.Unix(0, 0), time.Now())
	for name, column := range t.Series {
		for i := range column.Last {
			if i%every != 0 && (name == history.JVMGeneration || strings.Contains(name, "/")) {
				column.Last[i] = history.Unknown
			}
		}
	}
	copied.Tracks = []*history.Track{t}
	return &copied
}

// TestRecordings judges real runs, again and again as they go on: the verdict is the
// right one at the end, and no wrong one is given on the way.
func TestRecordings(t *testing.T) {
	for _, r := range recordings(t) {
		t.Run(r.Case, func(t *testing.T) {
			t.Parallel()
			c := r.open(t)
			if d := Diagnose(c); d.Verdict != r.Verdict || r.Subject != "" && d.Subject != r.Subject {
				t.Errorf("%s (%s), want %s (%s): %s", d.Verdict, d.Subject, r.Verdict, r.Subject, d.Summary)
			}
			if d := Diagnose(sparse(c, 3)); d.Verdict != r.Verdict || r.Subject != "" && d.Subject != r.Subject {
				t.Errorf("with each third sample only: %s (%s), want %s (%s): %s", d.Verdict, d.Subject, r.Verdict, r.Subject, d.Summary)
			}
			for at := r.Start; at.Before(r.End); at = at.Add(3 * time.Second) {
				if found := newJudge(until(c, at.UnixMilli())).leaks(nil); len(found) > 0 && found[0].Verdict != r.Verdict && found[0].waiting == "" {
					f := &found[0]
					t.Errorf("after %s: %s (%s), confidence %.2f: %s", at.Sub(r.Start), f.Verdict, f.Subject, f.Confidence, f.Evidence)
				}
			}
			half := r.Start.Add(r.End.Sub(r.Start) / 2)
			if d := Diagnose(until(c, half.UnixMilli())); d.Forecast != nil {
				t.Logf("at half time: %s, %s in %.0f s (%.0f to %.0f), it was %.0f s", d.Verdict, d.Forecast.Reached, d.Forecast.Seconds, d.Forecast.LowSeconds, d.Forecast.HighSeconds, r.End.Sub(half).Seconds())
			}
		})
	}
}

var update = flag.Bool("update", false, "write the examples in docs/diagnosis.md anew")

// wrapped breaks a line that is too long for the documentation.
func wrapped(line string) string {
	const most, indent = 160, "     "
	if len(line) <= most {
		return line
	}
	if at := strings.LastIndex(line[:most], " "); at > len(indent) {
		return line[:at] + "\n" + wrapped(indent+line[at+1:])
	}
	return line
}

// TestExamples: the examples in the documentation are what these recordings give.
func TestExamples(t *testing.T) {
	const path, begin = "../../docs/diagnosis.md", "## One real example each\n"
	var b strings.Builder
	b.WriteString("\nOf the recordings of `make bench-diagnosis`, a JVM each whose leak is fast, shortly before the end (`go test ./sidecar/diagnosis -update` writes them).\n")
	shown := map[rows.Verdict]bool{rows.VerdictNone: true}
	for _, r := range recordings(t) {
		if shown[r.Verdict] {
			continue
		}
		shown[r.Verdict] = true
		at := r.Start.Add(r.End.Sub(r.Start) * 9 / 10)
		fmt.Fprintf(&b, "\n### `%s`: %s (%s)\n\n```\n", r.Verdict, r.Case, r.JVM)
		var example strings.Builder
		if err := (&Report{Containers: []Diagnosis{Diagnose(until(r.open(t), at.UnixMilli()))}}).WriteText(&example); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(example.String()) {
			b.WriteString(wrapped(line))
		}
		b.WriteString("```\n")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, was, found := strings.Cut(string(text), begin)
	switch {
	case !found:
		t.Fatalf("%s lacks the line %q", path, begin)
	case was == b.String():
	case *update:
		if err := os.WriteFile(path, []byte(head+begin+b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s has other examples (go test -update writes them)", path)
	}
}
