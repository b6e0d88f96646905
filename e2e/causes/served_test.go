package causes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const (
	// servedFor is how long a leak is observed at most: the first verdict needs 7 minutes, a
	// recording of objects up to 15.
	servedFor = 36 * time.Minute
	// servedLimit leaves the 48 MiB that a recording needs.
	servedLimit = 640 << 20
	servedPoll  = 10 * time.Second
)

// servedCase is a leak beside a sidecar that nobody helps.
type servedCase struct {
	name, verdict string
	rate          float64 // requests with the leak a second, some 3 to 6 MiB a minute
	before        int     // such requests before the sidecar starts
	flags         []string
	trace         bool // --evidence=jfr,trace
	jdks          []int
}

func servedCases() []servedCase {
	heap, small := []string{"-Xmx192m", "-Xmn48m"}, []string{"-Xmx128m"}
	return []servedCase{
		{name: "threads-executor", verdict: "threads", rate: 0.5, jdks: []int{17, 25}},
		{name: "threads-session", verdict: "threads", rate: 0.5, jdks: []int{21}},
		{name: "classes-script", verdict: "class_loader", rate: 15, flags: small, jdks: []int{17, 25}},
		{name: "classes-groovy", verdict: "class_loader", rate: 3, flags: small, jdks: []int{21}},
		{name: "heap-cache", verdict: "heap", rate: 30, before: 15_000, flags: heap, jdks: []int{17, 21, 25}},
		{name: "heap-session", verdict: "heap", rate: 30, before: 15_000, flags: heap, jdks: []int{21}},
		// Without Native Memory Tracking, which is the default, both are native_untracked.
		{name: "direct-upload", verdict: "native_untracked", rate: 5, jdks: []int{17, 25}},
		{name: "zip-deflater", verdict: "native_untracked", rate: 1.5, jdks: []int{21}},
		{name: "direct-upload", verdict: "native_untracked", rate: 5, jdks: []int{25}, trace: true},
		{name: "zip-deflater", verdict: "native_untracked", rate: 1.5, jdks: []int{25}, trace: true},
	}
}

// served is what the sidecar found.
type served struct {
	Name    string
	Trace   bool
	JDK     int
	Verdict time.Duration // until it was confirmed; 0: never
	Line    time.Duration // until a line was named
	Outcome outcome
	Truth   []string
	Named   string
	Reason  string // why no line is named, as the evidence ends
	After   time.Duration
}

// evidence is the flag of the sidecar.
func (r *served) evidence() string {
	if r.Trace {
		return "jfr,trace"
	}
	return "jfr"
}

// TestServed lets programs leak beside `jvmem serve --evidence=jfr`, or jfr,trace, which has
// no other flag that is not a default, and nothing else asks for evidence.
func TestServed(t *testing.T) {
	results.begin(t, partServed)
	for _, c := range servedCases() {
		for _, jdk := range c.jdks {
			t.Run(fmt.Sprint(c.name, map[bool]string{true: "-trace"}[c.trace], "/", jdk), func(t *testing.T) {
				t.Parallel()
				c.run(t, jdk)
			})
		}
	}
}

func (c servedCase) run(t *testing.T, jdk int) {
	j := shop.startLimited(t, jdk, servedLimit, c.name, c.before, c.rate, c.flags...)
	r := served{Name: c.name, Trace: c.trace, JDK: jdk, Outcome: noAnswer}
	s := sidecar.Start(t, sidecar.Options{Binary: *binary, Proc: jvmtest.NewPodProc(t, j.PID), Flags: []string{"--evidence", r.evidence()}})
	begun := time.Now()
	clock := time.NewTicker(servedPoll)
	defer clock.Stop()
	for r.Named == "" && r.After < servedFor {
		select {
		case <-j.Exited():
			t.Fatalf("the application ended:\n%s", j.Output())
		case <-s.Exited():
			t.Fatal("jvmem exited")
		case <-clock.C:
		}
		r.After = time.Since(begun)
		if d, err := s.Diagnosis(); err == nil && len(d.Containers) == 1 { // a busy machine may be late
			r.see(t, c.verdict, &d.Containers[0])
		}
	}
	r.Truth = truth(j)
	if r.Named != "" {
		r.Outcome = judge(t, r.Named, r.Truth)
	}
	t.Logf("%+v", r)
	if err := results.addServed(r); err != nil {
		t.Error(err)
	}
}

// see takes in a diagnosis.
func (r *served) see(t *testing.T, verdict string, d *sidecar.Diagnosis) {
	if r.Verdict == 0 && slices.ContainsFunc(d.Incidents, func(i sidecar.Incident) bool { return i.Verdict == verdict && i.State == "confirmed" }) {
		r.Verdict = r.After
	}
	for _, f := range d.Findings {
		line, reason := f.Gathered.FirstLine()
		if line != "" {
			r.Named, r.Line = line, r.After
			return
		}
		if f.Verdict == verdict && reason != r.Reason {
			r.Reason = reason
			t.Logf("after %s: %s", r.After.Round(time.Second), reason)
		}
	}
}

// servedTable writes what the sidecar found.
func (l *resultList) servedTable(b *strings.Builder) {
	if len(l.Served) == 0 {
		return
	}
	b.WriteString("\n## What a sidecar finds alone\n\n")
	l.writeRun(b, partServed)
	fmt.Fprintf(b, "`jvmem serve` with --evidence as in the table, all else the defaults, beside the same application, which leaks some 3 to 6 MiB a minute; the\n"+
		"limit is %d MiB. Nobody asks for evidence. Until a line is named, %s at most.\n\n"+
		"| leak | JDK | evidence | verdict confirmed after | line named after | |\n|---|---|---|---|---|---|\n", servedLimit>>20, servedFor)
	slices.SortFunc(l.Served, func(x, y served) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.JDK, y.JDK), cmp.Compare(len(x.evidence()), len(y.evidence())))
	})
	minutes := func(d time.Duration) string {
		if d == 0 {
			return "never"
		}
		return fmt.Sprintf("%.1f min", d.Minutes())
	}
	for _, r := range l.Served {
		what := string(r.Outcome)
		if r.Named != "" {
			what += ": `" + r.Named + "`"
		} else if r.Reason != "" {
			what = r.Reason
		}
		fmt.Fprintf(b, "| %s | %d | %s | %s | %s | %s |\n", r.Name, r.JDK, r.evidence(), minutes(r.Verdict), minutes(r.Line), what)
	}
}
