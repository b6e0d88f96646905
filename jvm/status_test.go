package jvm

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestParseStatus(t *testing.T) {
	for dir, want := range map[string]Status{
		"testdata/jdk8/g1/":  {NSPID: 13156, Command: "java", State: 'S', Threads: 31, PageTablesBytes: 540 << 10},
		"testdata/jdk17/g1/": {NSPID: 24824, Command: "java", State: 'S', Threads: 33, PageTablesBytes: 820 << 10},
		"testdata/jdk25/g1/": {NSPID: 4132, Command: "java", State: 'S', Threads: 32, PageTablesBytes: 756 << 10},
		"testdata/jdk28/g1/": {NSPID: 24663, Command: "java", State: 'S', Threads: 34, PageTablesBytes: 724 << 10},
	} {
		text := read(t, dir+"status.txt")
		if got, err := parseStatus(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", dir, got, err, want)
		}
		for cut := range text {
			if got, err := parseStatus(text[:cut]); err == nil && got != want {
				t.Fatalf("%s cut at %d: %+v", dir, cut, got)
			}
		}
	}
	const end = "\nVmSize:\t 10 kB\nThreads:\t3\n"
	for text, want := range map[string]Status{
		"Name:\tUid: 7\\nGid: 8\nState:\tR (running)\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nNSpid:\t4711\t17\t1" + end: {
			Command: `Uid: 7\nGid: 8`, State: 'R', UID: 2, GID: 6, NSPID: 1, Threads: 3},
		"Name:\t\xff(:)\nState:\tZ (zombie)\nThreads:\t1\n":        {Command: "\xff(:)", State: 'Z', Threads: 1, KernelThread: true},
		"Name:\t\nState:\tS (sleeping)" + end:                      {State: 'S', Threads: 3}, // a name may be empty
		"Name:\tkthreadd\nState:\tS (sleeping)\nThreads:\t1\n":     {Command: "kthreadd", State: 'S', Threads: 1, KernelThread: true},
		"State:\tt (tracing stop)\nFuture:\tfield\nOdd line" + end: {State: 't', Threads: 3},
	} {
		if got, err := parseStatus([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "Name:\tx\n", "State:\tS\n", "State:\tS\nThreads:\tx\n", "State:\tS\nUid:\t0" + end, "State:\tS\nUid:" + end,
		"State:\tS\nNSpid:" + end, "State:\tS\nNSpid:\t1 x" + end, "State:\n" + end, "State:\tS\nVmPTE:" + end,
	} {
		if got, err := parseStatus([]byte(text)); err == nil {
			t.Errorf("%q: no error, %+v", text, got)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add(string(read(f, "testdata/jdk25/g1/status.txt")))
	f.Add("State:\tS\nNSpid:\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseStatus([]byte(text))
		if err == nil && (s.State == 0 || s.Threads == 0 || strings.Contains(s.Command, "\n")) {
			t.Errorf("%+v", s)
		}
	})
}

func TestParseStartTicks(t *testing.T) {
	for dir, want := range map[string]uint64{
		"testdata/jdk8/g1/": 748537, "testdata/jdk17/g1/": 762259, "testdata/jdk25/g1/": 774776, "testdata/jdk28/g1/": 800669,
	} {
		stat := string(read(t, dir+"stat.txt"))
		if got, err := parseStartTicks([]byte(stat)); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", dir, got, err, want)
		}
		for _, command := range []string{"a) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20", "))) (", "", "a\nb"} {
			odd := strings.Replace(stat, "(java)", "("+command+")", 1)
			if got, err := parseStartTicks([]byte(odd)); err != nil || got != want {
				t.Errorf("command %q: %d, %v", command, got, err)
			}
		}
	}
	for _, stat := range []string{"", "1 java S 0", "1 (java) S 0 1 2 3", "1 (java) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x 20"} {
		if got, err := parseStartTicks([]byte(stat)); err == nil {
			t.Errorf("%q: no error, %d", stat, got)
		}
	}
}

func TestReadStatusOfThisProcess(t *testing.T) {
	s, err := ReadStatus("/proc", os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if s.PID != os.Getpid() || s.UID != os.Geteuid() || s.GID != os.Getegid() || s.Threads < 2 || s.KernelThread ||
		!strings.HasPrefix("jvm.test", s.Command) || s.StartTicks == 0 || s.PageTablesBytes < 4096 {
		t.Errorf("%+v", s)
	}
	if age := uptime(s); age == nil || *age > 3600 {
		t.Errorf("uptime %v", age)
	}
	if _, err := ReadStatus("/proc", freePID(t)); !errors.Is(err, ErrGone) {
		t.Errorf("a PID that is free: %v", err)
	}
	if _, err := ReadStatus(t.TempDir(), 1); !errors.Is(err, ErrGone) {
		t.Errorf("a /proc without processes: %v", err)
	}
}
