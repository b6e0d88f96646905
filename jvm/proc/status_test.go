package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// minimal has no fields but those that must be there.
const minimal = "State:\tT (stopped)\nUid:\t1\t1000\t3\t4\nGid:\t5\t2000\t7\t8\nThreads:\t3\nSigCgt:\t0000000000000004\n"

func TestParseStatusCaptures(t *testing.T) {
	for dir, want := range map[string]Status{
		"testdata/jdk8/g1/":  {NSPID: 13156, Command: "java", State: 'S', Threads: 31, PageTablesBytes: 540 << 10, RssAnonBytes: 105448 << 10, RssFileBytes: 19448 << 10, CatchesQuit: true},
		"testdata/jdk17/g1/": {NSPID: 24824, Command: "java", State: 'S', Threads: 33, PageTablesBytes: 820 << 10, RssAnonBytes: 215948 << 10, RssFileBytes: 24792 << 10, CatchesQuit: true},
		"testdata/jdk25/g1/": {NSPID: 4132, Command: "java", State: 'S', Threads: 32, PageTablesBytes: 756 << 10, RssAnonBytes: 182828 << 10, RssFileBytes: 28352 << 10, CatchesQuit: true},
		"testdata/jdk28/g1/": {NSPID: 24663, Command: "java", State: 'S', Threads: 34, PageTablesBytes: 724 << 10, RssAnonBytes: 164428 << 10, RssFileBytes: 28840 << 10, CatchesQuit: true},
	} {
		text := jvmtest.Capture(t, dir+"status.txt")
		if got, err := ParseStatus(bytes.NewReader(text)); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", dir, got, err, want)
		}
		caught := bytes.Index(text, []byte("SigCgt:")) // the last of those that must be there
		for cut := range text {
			got, err := ParseStatus(bytes.NewReader(text[:cut]))
			if err == nil && got != want {
				t.Fatalf("%s cut at %d: %+v", dir, cut, got)
			}
			if err == nil && (cut <= caught || text[cut-1] != '\n') {
				t.Fatalf("%s cut at %d: no error", dir, cut)
			}
		}
	}
}

func TestParseStatus(t *testing.T) {
	with := func(change func(*Status)) Status {
		s := Status{State: 'T', UID: 1000, GID: 2000, Threads: 3, KernelThread: true, CatchesQuit: true}
		change(&s)
		return s
	}
	for _, test := range []struct {
		name, text string
		want       Status
	}{
		{"effective IDs, no NSpid", minimal, with(func(*Status) {})},
		{"nested PID namespaces", minimal + "NSpid:\t4711\t42\t7\n", with(func(s *Status) { s.NSPID = 7 })},
		{"other signals only", strings.Replace(minimal, "000004", "0ffffb", 1), with(func(s *Status) { s.CatchesQuit = false })},
		{"memory", minimal + "VmSize:\t 10 kB\nVmPTE:\t     540 kB\n", with(func(s *Status) { s.KernelThread, s.PageTablesBytes = false, 540<<10 })},
		{"a name like fields", "Name:\tUid: 7\\nGid: 8\n" + minimal, with(func(s *Status) { s.Command = `Uid: 7\nGid: 8` })},
		{"a name of odd bytes", "Name:\t\xff(:)\n" + minimal, with(func(s *Status) { s.Command = "\xff(:)" })},
		{"no name", "Name:\t\n" + minimal, with(func(*Status) {})},
		{"a kernel thread", "Name:\tkthreadd\n" + minimal, with(func(s *Status) { s.Command = "kthreadd" })},
		{"a zombie", strings.Replace(minimal, "T (stopped)", "Z (zombie)", 1), with(func(s *Status) { s.State = 'Z' })},
		{"traced", strings.Replace(minimal, "T (stopped)", "t (tracing stop)", 1), with(func(s *Status) { s.State = 't' })},
		{"fields to come", "Future:\tfield\nOdd line\n:\n\n" + minimal + "Future:\t\n", with(func(*Status) {})},
		{"the first counts", minimal + "Uid:\t0\t0\t0\t0\nSigCgt:\t0\nState:\tX\n", with(func(*Status) {})},
	} {
		if got, err := ParseStatus(strings.NewReader(test.text)); err != nil || got != test.want {
			t.Errorf("%s: %+v, %v; want %+v", test.name, got, err, test.want)
		}
	}
}

// What is not there or not understood is an error, never 0.
func TestParseStatusMalformed(t *testing.T) {
	replace := func(from, to string) string {
		if !strings.Contains(minimal, from) {
			t.Fatalf("no %q", from)
		}
		return strings.Replace(minimal, from, to, 1)
	}
	for name, test := range map[string]struct{ text, want string }{
		"empty":              {"", "State"},
		"a name alone":       {"Name:\tx\n", "State"},
		"a state alone":      {"State:\tS\n", "Uid"},
		"no mask":            {replace("0000000000000004", ""), "SigCgt"},
		"mask not hex":       {replace("0000000000000004", "caught"), "SigCgt"},
		"no IDs":             {replace("1\t1000\t3\t4", ""), "Uid"},
		"one ID":             {replace("1\t1000\t3\t4", "0"), "Uid"},
		"three UIDs":         {replace("\t1000", ""), "Uid"},
		"three GIDs":         {replace("\t2000", ""), "Gid"},
		"negative UID":       {replace("1000", "-1"), "Uid"},
		"no state":           {replace("T (stopped)", ""), "State"},
		"a long state":       {replace("T (stopped)", "TT"), "State"},
		"threads no number":  {replace("Threads:\t3", "Threads:\tx"), "Threads"},
		"negative threads":   {replace("Threads:\t3", "Threads:\t-1"), "Threads"},
		"released":           {replace("Threads:\t3", "Threads:\t0"), ErrGone.Error()},
		"NSpid 0":            {minimal + "NSpid:\t0\n", "NSpid"},
		"NSpid empty":        {minimal + "NSpid:\n", "NSpid"},
		"NSpid no number":    {minimal + "NSpid:\t1 x\n", "NSpid"},
		"page tables empty":  {minimal + "VmPTE:\n", "VmPTE"},
		"negative tables":    {minimal + "VmPTE:\t-1 kB\n", "VmPTE"},
		"last line cut":      {minimal + "NSpid:\t4711\t4", "is truncated"},
		"endless line":       {minimal[:20] + strings.Repeat("x", 2<<20), "long"},
		"endless text":       {minimal + strings.Repeat("Future:\tfield\n", 1<<17), "long"},
		"endless, no fields": {strings.Repeat("\n", maxStatusBytes+1), "long"},
	} {
		if got, err := ParseStatus(strings.NewReader(test.text)); err == nil || !strings.Contains(err.Error(), test.want) || got != (Status{}) {
			t.Errorf("%s: %+v, %v; want an error about %s", name, got, err, test.want)
		}
	}
	for line := range strings.Lines(minimal) {
		name, _, _ := strings.Cut(line, ":")
		if got, err := ParseStatus(strings.NewReader(replace(line, ""))); err == nil || !strings.Contains(err.Error(), "no field "+name) {
			t.Errorf("without %s: %+v, %v", name, got, err)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add(string(jvmtest.Capture(f, "testdata/jdk25/g1/status.txt")))
	f.Add(minimal + "NSpid:\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseStatus(strings.NewReader(text))
		if err == nil && (s.State == 0 || s.Threads < 1 || s.UID < 0 || s.GID < 0 || s.NSPID < 0 || s.PageTablesBytes < 0 || strings.Contains(s.Command, "\n")) {
			t.Errorf("%+v", s)
		}
		if err != nil && s != (Status{}) {
			t.Errorf("%+v beside an error", s)
		}
	})
}

// What other lines a kernel writes, before or after, changes nothing.
func FuzzParseStatusAmongOthers(f *testing.F) {
	f.Add("Name:\tjava\nUmask:\t0022\n", "SigQ:\t0/96365\n", uint32(1000), uint32(0), uint64(0x2000000101005ccc), uint16(7))
	f.Add("Groups:\t \n:\n\n\t:", "State", uint32(1<<32-1), uint32(1), uint64(0), uint16(0))
	f.Fuzz(func(t *testing.T, before, after string, uid, gid uint32, mask uint64, nspid uint16) {
		for _, key := range []string{"Name:", "State:", "Uid:", "Gid:", "NSpid:", "Threads:", "SigCgt:", "VmSize:", "VmPTE:"} {
			if strings.Contains(before+"|"+after, key) {
				before, after = "", ""
			}
		}
		want := Status{State: 'S', UID: int(uid), GID: int(gid), NSPID: int(nspid) + 1, Threads: 2, KernelThread: true, CatchesQuit: mask>>2&1 == 1}
		text := fmt.Sprintf("%s\nState:\tS (sleeping)\nUid:\t9\t%d\t9\t9\nGid:\t9\t%d\t9\t9\nNSpid:\t9\t%d\nThreads:\t2\nSigCgt:\t%016x\n%s\n",
			before, uid, gid, want.NSPID, mask, after)
		if got, err := ParseStatus(strings.NewReader(text)); err != nil || got != want {
			t.Fatalf("got %+v, %v; want %+v from %q", got, err, want, text)
		}
	})
}

func TestReadStatusOfThisProcess(t *testing.T) {
	s, err := ReadStatus("/proc", os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if s.PID != os.Getpid() || s.UID != os.Geteuid() || s.GID != os.Getegid() || s.Threads < 2 || s.KernelThread || !s.CatchesQuit ||
		!strings.HasPrefix("proc.test", s.Command) || s.StartTicks == 0 || s.PageTablesBytes < 4096 {
		t.Errorf("%+v", s)
	}
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadStatus("/proc", ended.Process.Pid); !errors.Is(err, ErrGone) {
		t.Errorf("a PID that is free: %v", err)
	}
	if _, err := ReadStatus(t.TempDir(), 1); !errors.Is(err, ErrGone) {
		t.Errorf("a /proc without processes: %v", err)
	}
}

func TestHasMemory(t *testing.T) {
	if !HasMemory("/proc", os.Getpid()) {
		t.Error("this process has none")
	}
	zombie := exec.Command("true")
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	pid := zombie.Process.Pid
	for HasMemory("/proc", pid) { // it runs
		runtime.Gosched()
	}
	if status, err := ReadStatus("/proc", pid); err != nil || status.State != 'Z' && status.State != 'X' && !status.KernelThread {
		t.Errorf("%+v, %v", status, err)
	}
	if err := zombie.Wait(); err != nil {
		t.Error(err)
	}
	if HasMemory("/proc", pid) {
		t.Error("a process that is gone has some")
	}
}

func TestOwnNamespace(t *testing.T) {
	if own, err := OwnNamespace("/proc"); !own || err != nil {
		t.Error("/proc is not of this process' PID namespace", err)
	}
	for status, want := range map[string]bool{"Pid:\t7\nNSpid:\t7\n": true, "Pid:\t4711\nNSpid:\t4711\t7\n": false, "Pid:\t7\n": true, "": true} {
		procfs := t.TempDir()
		if own, err := OwnNamespace(procfs); own || err != nil {
			t.Error("this process is not visible there", err)
		}
		err := errors.Join(os.Mkdir(procfs+"/self", 0o755), os.WriteFile(procfs+"/self/status", []byte(status), 0o644))
		got, readErr := OwnNamespace(procfs)
		if err = errors.Join(err, readErr); err != nil || got != want {
			t.Errorf("%q: %v, %v", status, got, err)
		}
	}
}
