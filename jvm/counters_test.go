package jvm

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestCountersWithoutFile: a JVM without an hsperfdata file is observed as one that has
// it, and one that keeps no counters says what to change.
func TestCountersWithoutFile(t *testing.T) {
	for _, tt := range []struct {
		name string
		jvm  jvmtest.Options
		fix  string // of a JVM without counters
	}{
		{"memory not shared", jvmtest.Options{JVMFlags: []string{"-XX:+PerfDisableSharedMem"}}, ""},
		{"UID without a name", jvmtest.Options{UID: 10001, GID: 10001}, ""},
		{"no counters", jvmtest.Options{JVMFlags: []string{"-XX:-UsePerfData"}}, "start the JVM without -XX:-UsePerfData, so that leaks of heap and classes can be judged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.jvm.UID != 0 && os.Geteuid() != 0 {
				t.Skip("needs root, to run as another user")
			}
			tt.jvm.JVMFlags = append(tt.jvm.JVMFlags, "-XX:+UseSerialGC", "-Xmx64m")
			j := jvmtest.Start(t, tt.jvm)
			p, err := Open("/proc", j.PID)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			j.Do("classes 1") // loads an array class too
			before, err := p.Query(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			const classes = `, (\d+) classes` // with those of arrays, which the counters leave out
			loaded := -printed(t, j.PID, "VM.metaspace", classes)
			j.Do("classes 200")
			j.Do("heap 8")
			j.Do("gc")
			loaded += printed(t, j.PID, "VM.metaspace", classes)
			old := printed(t, j.PID, "GC.heap_info", `tenured generation .* used (\d+)K`)
			a, err := p.Query(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			f := &a.Facts
			i := slices.IndexFunc(f.Sources, func(s Source) bool { return s.Name == SourceHsperf })
			if s := f.Sources[i]; s.OK != (tt.fix == "") || s.Fix != tt.fix {
				t.Errorf("source %+v", s)
			}
			if tt.fix != "" {
				if f.Old != nil || f.Classes != nil || f.Major == 0 || f.Collector != "Serial" {
					t.Errorf("facts %+v", f)
				}
				return
			}
			if f.Old == nil || f.Old.Collections == nil || f.Classes == nil {
				t.Fatalf("facts %+v", f)
			}
			if n := *f.Classes - *before.Facts.Classes; n != loaded || n < 200 {
				t.Errorf("%d classes were loaded, want %d", n, loaded)
			}
			if used := f.Old.UsedBytes; used>>10 != old || used < 8<<20 {
				t.Errorf("%d bytes of the old generation, want %d KiB", used, old)
			}
			if *f.Old.Collections != 1 {
				t.Errorf("%d collections, want 1", *f.Old.Collections)
			}
			h, err := OpenHandle("/proc", j.PID, f.StartTicks)
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			if w := h.FinalCounters(); w != nil {
				t.Errorf("final counters %+v: the memory ends with the JVM", w)
			}
		})
	}
}

// printed returns a number that the JVM itself prints.
func printed(t *testing.T, pid int, command, number string) int64 {
	t.Helper()
	out, err := exec.Command("jcmd", strconv.Itoa(pid), command).CombinedOutput()
	if err != nil {
		t.Fatalf("jcmd: %v: %s", err, out)
	}
	match := regexp.MustCompile(number).FindSubmatch(out)
	if match == nil {
		t.Fatalf("no %s in %s", number, out)
	}
	n, err := strconv.ParseInt(string(match[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
