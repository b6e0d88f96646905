package evidence

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/evidence"
	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/nmt"
)

func TestSiteLines(t *testing.T) {
	const mib = 1 << 20
	site := func(call string, bytes, blocks int64) nmt.CallSite {
		return nmt.CallSite{Category: "Symbol", Calls: []string{"os::malloc", call}, Bytes: bytes, Blocks: blocks}
	}
	for name, c := range map[string]struct {
		want  []string
		sites [2][]nmt.CallSite
	}{
		"the first": {
			sites: [2][]nmt.CallSite{nil, {site("a", mib, 3), site("b", 2*mib, 0)}},
			want:  []string{"NMT Symbol: 2.0 MiB, allocated by os::malloc ← b", "NMT Symbol: 1.0 MiB, 3 × malloc, allocated by os::malloc ← a"},
		},
		"one grew": {
			sites: [2][]nmt.CallSite{{site("a", mib, 3), site("b", 2*mib, 0)}, {site("a", 4*mib, 9), site("b", mib, 0)}},
			want:  []string{"NMT Symbol: +3.0 MiB in 5m0s, now 4.0 MiB, 9 × malloc, allocated by os::malloc ← a"},
		},
		"new": {
			sites: [2][]nmt.CallSite{{site("a", mib, 3)}, {site("b", mib, 9)}},
			want:  []string{"NMT Symbol: +1.0 MiB in 5m0s, now 1.0 MiB, 9 × malloc, allocated by os::malloc ← b"},
		},
		"none grew": {
			sites: [2][]nmt.CallSite{{site("a", mib, 3)}, {site("a", mib, 3)}},
			want:  []string{"no call site of HotSpot has more memory than 5m0s before"},
		},
	} {
		got := siteLines(c.sites[1], reading{sites: c.sites[0], at: time.Now().Add(-5 * time.Minute)})
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	got := compilationLines([]dcmd.Compilation{{Compiler: "c2", Method: "com.acme.Rules.match", PeakBytes: 900 * mib, Result: "oom"}, {Compiler: "c1", Method: "a.B.c", PeakBytes: mib, Result: "ok"}})
	if !slices.Equal(got, []string{"c2 took 900.0 MiB to compile com.acme.Rules.match (oom)", "c1 took 1.0 MiB to compile a.B.c"}) {
		t.Errorf("%q", got)
	}
}

// TestInternalOfJVM: what was allocated between two readings is first. Without NMT's detail, and
// without what compilations use, it says how to get it.
func TestInternalOfJVM(t *testing.T) {
	for nmt, unknown := range map[string]string{"detail": "", "summary": "no call sites", "off": "no call sites"} {
		t.Run(nmt, func(t *testing.T) {
			j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m", "-XX:NativeMemoryTracking=" + nmt}})
			p, err := jvm.Open("/proc", j.PID)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if _, err := p.Query(t.Context()); err != nil {
				t.Fatal(err)
			}
			query := internal(compiler)
			before, err := query(t.Context(), p, reading{})
			if err != nil || before.comparable() != (unknown == "") || unknown != "" && !strings.Contains(before.lines[0], unknown) {
				t.Fatalf("%q, %v", before.lines, err)
			}
			if _, err := evidence.Compilations(t.Context(), p); !errors.Is(err, evidence.ErrNoCompilations) || !strings.Contains(before.lines[len(before.lines)-1], "MemStat") {
				t.Errorf("%q, %v", before.lines, err)
			}
			if unknown != "" {
				return
			}
			before.at = time.Now()
			j.Do("unsafe 32")
			now, err := query(t.Context(), p, before)
			if err != nil || !strings.HasPrefix(now.lines[0], "NMT Other: +32.0 MiB in ") || !strings.Contains(now.lines[0], "Unsafe_AllocateMemory") {
				t.Errorf("%q, %v", now.lines, err)
			}
		})
	}
}
