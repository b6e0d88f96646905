package causes

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// outcome of a case.
type outcome string

const (
	right    outcome = "right"
	noAnswer outcome = "not enough"
	noLeak   outcome = "none named" // of a control
	wrong    outcome = "WRONG"
)

// result is what a case gave.
type result struct {
	Name, Kind   string
	JDK          int
	Outcome      outcome
	Truth        []string
	Named        string // the line that is named first
	Count, Total int
	Gained       bool   // the line was found by what the live objects gained, not by samples that stay
	Reason       string // why none is named
}

// finding is what `jvmem evidence` prints.
type finding struct {
	Causes []struct {
		Line struct {
			Class, Method, File string
			Line                int
		}
		Count int
		Share float64
	}
	Reason      string
	Total       int
	GainedBytes int64 `json:"gained_bytes"`
	Seen        string
	Notes       []string
}

// TestCauses runs -parallel cases concurrently.
func TestCauses(t *testing.T) {
	results.begin(t, partCauses)
	for _, c := range cases() {
		for _, jdk := range jdks {
			if jdk < c.from {
				continue
			}
			var more []string
			if jdk >= firstTrace && c.traced {
				more = append(more, "--trace")
			}
			if c.kind == "heap" {
				more = append(more, "--gains")
			}
			t.Run(fmt.Sprint(c.name, "/", jdk), func(t *testing.T) {
				t.Parallel()
				r, _ := c.run(t, jdk, more...)
				if err := results.add(r); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func (c testCase) run(t *testing.T, jdk int, more ...string) (result, finding) {
	j := shop.start(t, jdk, c.name, c.before, c.rate, c.flags...)
	f := record(t, j.PID, c.kind, c.record, more...)
	r := result{Name: c.name, Kind: c.kind, JDK: jdk, Outcome: noAnswer, Truth: truth(j), Total: f.Total, Gained: f.GainedBytes > 0, Reason: f.Reason}
	if len(r.Truth) == 0 && !c.control() {
		t.Fatalf("the application did not leak:\n%s", j.Output())
	}
	if c.control() {
		r.Outcome = noLeak
	}
	if len(f.Causes) > 0 {
		first := f.Causes[0]
		r.Named = fmt.Sprintf("%s.%s(%s:%d)", first.Line.Class, first.Line.Method, first.Line.File, first.Line.Line)
		r.Count, r.Outcome = first.Count, judge(t, r.Named, r.Truth)
	}
	t.Logf("%s: %s, %d of %d, %s %s %q", r.Outcome, r.Named, r.Count, r.Total, r.Reason, f.Seen, f.Notes)
	return r, f
}

// judge compares a line that was named with those that leak.
func judge(t *testing.T, named string, truth []string) outcome {
	t.Helper()
	if slices.Contains(truth, named) {
		return right
	}
	t.Errorf("named %s, it is %s", named, truth)
	return wrong
}

// record runs `jvmem evidence`.
func record(t *testing.T, pid int, kind string, d time.Duration, more ...string) finding {
	t.Helper()
	cmd := exec.Command(*binary, append([]string{
		"evidence", "--pid", strconv.Itoa(pid), "--kind", kind, "--duration", d.String(), "--format", "json", "--yes",
	}, more...)...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out, complaints.String())
	}
	var f finding
	if err := json.Unmarshal(out, &f); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return f
}
