package sidecar

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/eventlog"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/httpapi"
	"github.com/jvmem/jvmem/sidecar/rows"
	"github.com/jvmem/jvmem/sidecar/sample"
	"github.com/jvmem/jvmem/sidecar/watch"
)

// TestNoJVMYet: a sidecar without a JVM says so at level info, and warns once, with the fix,
// if that lasts.
func TestNoJVMYet(t *testing.T) {
	var log strings.Builder
	s := newSearch()
	s.begin()
	source := &jvm.Source{Reason: "waiting for a JVM", Fix: "share the process namespace"}
	for after := time.Duration(0); after < 3*time.Minute; after += 10 * time.Second {
		s.tell(s.since.Add(after), source, eventlog.New(&log, "test").Logger)
		if warned := strings.Contains(log.String(), `"warn"`); warned != (after >= time.Minute) {
			t.Errorf("after %s: warned: %t", after, warned)
		}
	}
	if lines := strings.Split(strings.TrimSpace(log.String()), "\n"); len(lines) != 2 || !strings.Contains(lines[1], "for 1m0s: if one is running, share the process namespace") {
		t.Errorf("logged %q", lines)
	}
}

// A JVM that starts is no problem; one that does not answer for long is.
func TestUnexpected(t *testing.T) {
	s := newSearch()
	if err := s.unexpected(sample.ErrStarting); err != nil {
		t.Errorf("at the first sample: %v", err)
	}
	s.since = time.Now().Add(-waitGrace)
	if err := s.unexpected(sample.ErrStarting); err == nil {
		t.Error("after the grace period: no error")
	}
}

// TestSearchAfterEnd: a restart is searched for when the last JVM of a container ended, and
// not after a tool that ran beside it.
func TestSearchAfterEnd(t *testing.T) {
	remembered, err := history.Open(history.Options{Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	autopsies, err := autopsy.Open("")
	if err != nil {
		t.Fatal(err)
	}
	o := ServeOptions{Interval: time.Hour, Log: eventlog.New(io.Discard, "test")}
	o.Proc = t.TempDir()
	l := newLoop(o, &httpapi.State{History: remembered, Autopsies: autopsies}, nil)
	defer l.close()
	seen := func(jvms ...breakdown.JVM) {
		l.remember(&breakdown.Report{Time: time.Now(), Containers: []breakdown.Container{{Identity: rows.Identity{ID: "3f4c"}, UsageBytes: new(int64), JVMs: jvms}}})
	}
	const server, tool, next = 1, 2, 3
	ended := func(pid int, missing int) {
		t.Helper()
		if err := l.handle(t.Context(), &watch.Ended{PID: pid, Time: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if l.search.missing != missing {
			t.Errorf("after the end of %d, %d are missing, want %d", pid, l.search.missing, missing)
		}
	}
	seen(breakdown.JVM{PID: server}, breakdown.JVM{PID: tool})
	ended(tool, 0)
	ended(server, 1)
	seen(breakdown.JVM{PID: next})
	if l.search.missing != 0 {
		t.Error("the next JVM is still missing")
	}
}

// TestNoJVMAnyMore: after the end of the last JVM, what is missing is not the shared namespace.
func TestNoJVMAnyMore(t *testing.T) {
	s := newSearch()
	none := jvm.Source{Reason: "no HotSpot JVM in this PID namespace", Fix: "share the process namespace"}
	before, after := none, none
	s.waiting(&before)
	s.found()
	s.waiting(&after)
	if before.Reason != "waiting for a JVM: "+none.Reason || before.Fix != none.Fix {
		t.Errorf("before the first: %+v", before)
	}
	if after.Reason != "waiting for a JVM: the last one has ended" || !strings.Contains(after.Fix, "get oom") {
		t.Errorf("after the last: %+v", after)
	}
}
