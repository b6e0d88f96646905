package diagnosis

import (
	"strings"
	"testing"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestPhrases: a verdict of the table has a phrase and advice.
func TestPhrases(t *testing.T) {
	for _, v := range rows.Leaks() {
		if Phrase(v, "") == "" || len(Next(v, "", &breakdown.JVM{PID: 7})) == 0 {
			t.Errorf("%s: phrase %q, next %q", v, Phrase(v, ""), Next(v, "", nil))
		}
	}
	for _, v := range []rows.Verdict{rows.VerdictBudget, rows.VerdictPageCache, rows.VerdictNone} {
		if Phrase(v, "") == "" {
			t.Errorf("%s has no phrase", v)
		}
	}
}

// TestAdviceFits: settings are spelled as the version knows them, and none is advised that
// the JVM has already.
func TestAdviceFits(t *testing.T) {
	const trim, unlock = "-XX:TrimNativeHeapInterval=60000: it returns", "-XX:+UnlockExperimentalVMOptions"
	for _, test := range []struct {
		verdict   rows.Verdict
		jvm       breakdown.JVM
		has, lack []string
	}{
		{rows.VerdictAllocatorRetention, breakdown.JVM{Version: "17.0.15"}, []string{unlock, trim, "System.trim_native_heap", "MALLOC_ARENA_MAX", "jemalloc"}, []string{"update"}},
		{rows.VerdictAllocatorRetention, breakdown.JVM{Version: "17.0.8"}, []string{"update to JDK 17.0.9", "System.trim_native_heap"}, []string{"start the JVM"}},
		{rows.VerdictAllocatorRetention, breakdown.JVM{Version: "17"}, []string{"update to JDK 17.0.9"}, []string{"System.trim_native_heap"}},
		{rows.VerdictAllocatorRetention, breakdown.JVM{Version: "21.0.13.0.3"}, []string{unlock, trim}, nil},
		{rows.VerdictAllocatorRetention, breakdown.JVM{Version: "25.0.5"}, []string{trim}, []string{unlock}},
		{rows.VerdictAllocatorRetention, breakdown.JVM{Version: "1.8.0_504"}, []string{"update to JDK 17.0.9"}, []string{"System.trim_native_heap"}},
		{rows.VerdictAllocatorRetention, breakdown.JVM{Version: "21.0.13", Flags: map[string]any{"TrimNativeHeapInterval": uint64(60000)}}, []string{"each 60 s already"}, []string{trim}},
		{rows.VerdictClassLoader, breakdown.JVM{Version: "1.8.0_504"}, []string{"-XX:+TraceClassUnloading"}, []string{"VM.log", "Xlog"}},
		{rows.VerdictClassLoader, breakdown.JVM{Version: "11.0.33", Flags: map[string]any{"MaxMetaspaceSize": uint64(1 << 28)}}, []string{"VM.log what=class+unload=info"}, []string{"TraceClassUnloading", "MaxMetaspaceSize"}},
		{rows.VerdictCodeCache, breakdown.JVM{Version: "1.8.0_504"}, nil, []string{"Compiler.codecache"}},
		{rows.VerdictNativeUntracked, breakdown.JVM{Version: "1.8.0_504", NMT: "off"}, []string{"NativeMemoryTracking=summary on its command line"}, []string{"JDK_JAVA_OPTIONS"}},
		{rows.VerdictNativeUntracked, breakdown.JVM{Version: "11.0.33", NMT: "off"}, []string{"JDK_JAVA_OPTIONS"}, nil},
		{rows.VerdictNativeUntracked, breakdown.JVM{Version: "11.0.33", NMT: "summary"}, nil, []string{"NativeMemoryTracking"}},
		{rows.VerdictHeap, breakdown.JVM{PID: 4711, NSPID: 7, Flags: map[string]any{"ExitOnOutOfMemoryError": true}}, []string{"jcmd 7 "}, []string{"4711", "ExitOnOutOfMemoryError"}},
	} {
		got := strings.Join(Next(test.verdict, rows.Malloc, &test.jvm), "\n")
		for _, want := range test.has {
			if !strings.Contains(got, want) {
				t.Errorf("%s on %+v: no %q in %q", test.verdict, test.jvm, want, got)
			}
		}
		for _, other := range test.lack {
			if strings.Contains(got, other) {
				t.Errorf("%s on %+v: %q in %q", test.verdict, test.jvm, other, got)
			}
		}
	}
}

// TestQuoted: names of threads are the application's, and come into a command.
func TestQuoted(t *testing.T) {
	for pool, want := range map[string]string{
		"http-nio-8080-exec-#": `"http-nio-8080-exec-`, "my-serv..rker-#": `"my-serv`, "a b": `"a b`,
		"x'; rm -rf / #": `"x`, "x`id`": `"x`, "$(id)": `"$(id)`, "x\x1b[2J": `"x`, "#": `"`,
	} {
		if got := quoted(pool); got != want {
			t.Errorf("%q: %q", pool, got)
		}
	}
	steps := WithoutPID(Next(rows.VerdictThreads, "leak-#", &breakdown.JVM{PID: 7}), &breakdown.JVM{PID: 7})
	if !strings.Contains(steps[1], "`jcmd <pid> Thread.print | grep -F -A 15 '\"leak-'`") {
		t.Errorf("for the next JVM: %q", steps)
	}
}

// TestRates: a sentence has its rates in one unit of time, and no rate that contradicts its numbers.
func TestRates(t *testing.T) {
	const mib = 1 << 20
	f := Finding{Rate: &Rate{BytesPerHour: 900 * mib}, Share: new(0.5), whole: 1800 * mib}
	if got := f.rateText(); got != ", +15.0 MiB per minute, 50 % of the growth of unreclaimable memory (+30.0 MiB per minute)" {
		t.Error(got)
	}
	for _, tt := range []struct {
		last, rate float64
		want       string
	}{
		{20, 60, "18.0 MiB → 20.0 MiB in 60 s (+60.0 MiB per hour)"},
		{20, -60, "18.0 MiB → 20.0 MiB in 60 s (not steadily)"},
		{20, 0, "18.0 MiB → 20.0 MiB in 60 s (not steadily)"},
		{18, 0, "18.0 MiB → 18.0 MiB in 60 s (+0 KiB per hour)"},
	} {
		of := trend{to: 60_000, floors: []floor{{0, 18 * mib}}, last: tt.last * mib, rate: tt.rate * mib}
		if got := of.text(inBytes()); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
