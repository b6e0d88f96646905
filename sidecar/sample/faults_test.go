package sample

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// readFake returns the facts of the only JVM, and what its source says.
func readFake(t *testing.T, s *Sampler, source string) (jvm.Facts, jvm.Source) {
	t.Helper()
	facts, err := s.Read(t.Context())
	if err != nil || len(facts) != 1 || len(facts[0].JVMs) != 1 {
		t.Fatalf("%+v, %v", facts, err)
	}
	f := facts[0].JVMs[0]
	for _, of := range f.Sources {
		if of.Name == source {
			return f, of
		}
	}
	t.Fatalf("no source %s in %+v", source, f.Sources)
	return f, jvm.Source{}
}

// TestAnotherProcess: when the PID is given to another process, or the process calls
// exec, nothing of the one before is kept.
func TestAnotherProcess(t *testing.T) {
	for name, replace := range map[string]func(f *jvmtest.Fake){
		"PID used again": func(f *jvmtest.Fake) { f.SetStat('S', 9999) },
		"exec": func(f *jvmtest.Fake) {
			f.SetProgram('S', 4711, 0x7ffe0000)
			f.SetMaps("7e00-7e01 r-xp 00000000 00:00 42    /usr/lib/jvm/lib/server/libjvm.so\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := jvmtest.NewUnsignalled(t)
			f.SetThreads("main")
			path := f.PutPerf(jvmtest.Capture(t, "../../jvm/hsperf/testdata/jdk17/g1/hsperfdata.bin.gz"))
			s := New(Options{Proc: f.Proc})
			defer s.Close()
			if before, source := readFake(t, s, jvm.SourceHsperf); !source.OK || before.Major != 17 {
				t.Fatalf("before: %+v", before)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			replace(f)
			if after, source := readFake(t, s, jvm.SourceHsperf); source.OK || after.Version != "" || after.Old != nil {
				t.Errorf("after: %+v", after)
			}
		})
	}
}

// TestPerfDataChanges: without an hsperfdata file that is truncated, or grows, only its own
// values are missing.
func TestPerfDataChanges(t *testing.T) {
	f := jvmtest.NewUnsignalled(t)
	f.SetThreads("main")
	perf := jvmtest.Capture(t, "../../jvm/hsperf/testdata/jdk17/g1/hsperfdata.bin.gz")
	path := f.PutPerf(perf)
	s := New(Options{Proc: f.Proc})
	defer s.Close()
	for _, step := range []struct {
		bytes int64
		ok    bool
	}{{int64(len(perf)), true}, {10, false}, {0, false}, {1 << 40, false}, {int64(len(perf)), true}} {
		if err := os.Truncate(path, step.bytes); err != nil {
			t.Fatal(err)
		}
		if step.ok {
			if err := os.WriteFile(path, perf, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		facts, source := readFake(t, s, jvm.SourceHsperf)
		if source.OK != step.ok || (facts.Major == 17) != step.ok || facts.Threads.Live != 1 {
			t.Errorf("%d bytes: %+v, JDK %d, %d threads", step.bytes, source, facts.Major, facts.Threads.Live)
		}
	}
}

// TestEndlessReply: 8 MiB of a reply without end are read; the others are queried again
// at the next sample.
func TestEndlessReply(t *testing.T) {
	f := jvmtest.NewUnsignalled(t)
	f.SetThreads("main")
	s := New(Options{Proc: f.Proc})
	defer s.Close()
	for range 2 {
		flood := f.Listen(jvmtest.Flood(strings.Repeat("Java Heap (reserved=9KB, committed=9KB)\n", 1000)))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		facts, source := readFake(t, s, jvm.SourceAttach)
		runtime.ReadMemStats(&after)
		if source.OK || !strings.Contains(source.Reason, "longer than 8388608 bytes") || facts.Threads.Live != 1 {
			t.Errorf("%+v, %d threads", source, facts.Threads.Live)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 256*mib {
			t.Errorf("%d MiB were allocated", took>>20)
		}
		flood.Close()
		quiet := f.Listen(jvmtest.Answer(0, "JVM\n"))
		if _, source := readFake(t, s, jvm.SourceAttach); !strings.Contains(source.Reason, `"JVM\n"`) { // it is read, though it is no VM.info
			t.Errorf("after it: %+v", source)
		}
		quiet.Close()
	}
}
