package sidecar

import (
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/eventlog"
	"github.com/jvmem/jvmem/sidecar/sample"
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
