package sidecar

import (
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/eventlog"
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
