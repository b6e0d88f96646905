package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/jvmem/jvmem/jvm/pages"
)

// TestReleaseProgram: pages of the program are released, and its variables stay.
func TestReleaseProgram(t *testing.T) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	code := func() (bytes int64) {
		file, err := os.Open("/proc/self/smaps")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := new(pages.Reader).Read(file, func(m *pages.Mapping) {
			if m.Path == program && m.Perm&pages.Write == 0 {
				bytes += m.RSSBytes
			}
		}); err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	before, variable := code(), pflag.ErrHelp.Error()
	releaseProgram(splitProgram())
	if after := code(); after >= before {
		t.Errorf("%d bytes of the program before, %d after", before, after)
	}
	if pflag.ErrHelp.Error() != variable {
		t.Error("a variable has changed")
	}
}

// TestCoarsenTimers runs as a process of its own, which replaces itself: each of its threads then
// has the slack, also those that Go's runtime started before main.
func TestCoarsenTimers(t *testing.T) {
	const inside = "TEST_COARSEN_TIMERS"
	if os.Getenv(inside) == "" {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCoarsenTimers$")
		child.Env = append(os.Environ(), inside+"=1")
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	coarsenTimers()
	if set, ok := os.LookupEnv(coarseTimers); ok {
		t.Errorf("%s=%s is left", coarseTimers, set)
	}
	if name, err := os.ReadFile("/proc/self/comm"); err != nil || string(name) != "jvmem.test\n" {
		t.Errorf("the process has the name %s (%v)", name, err)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil || len(threads) < 2 {
		t.Fatalf("%d threads (%v)", len(threads), err)
	}
	for _, thread := range threads {
		slack, err := os.ReadFile("/proc/" + thread.Name() + "/timerslack_ns")
		if got := strings.TrimSpace(string(slack)); err != nil || got != fmt.Sprint(timerSlack.Nanoseconds()) {
			t.Errorf("thread %s: %s ns (%v)", thread.Name(), got, err)
		}
	}
}
