package evidence

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/evidence"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

func TestObjectLines(t *testing.T) {
	const mib = 1 << 20
	objects := func(reachable bool, rest int64, classes ...dcmd.ClassCount) *evidence.Objects {
		o := &evidence.Objects{Classes: classes, Total: &dcmd.ClassCount{Bytes: rest}, Unreachable: new(!reachable)}
		for _, c := range classes {
			o.Total.Bytes += c.Bytes
		}
		return o
	}
	array := dcmd.ClassCount{Name: "[B", Instances: 9323, Bytes: 20 * mib}
	session := func(n int64) dcmd.ClassCount {
		return dcmd.ClassCount{Name: "org.h2.engine.SessionLocal", Instances: n, Bytes: n * 1400}
	}
	const garbage = "objects that nothing refers to any more are counted too"
	for name, tt := range map[string]struct {
		before, now *evidence.Objects
		want        []string
	}{
		"the first": {nil, objects(false, 0, array, session(1000)), []string{"9323 × [B, 20.0 MiB", "1000 × org.h2.engine.SessionLocal, 1.3 MiB"}},
		"one grew": {objects(true, mib, array, session(1000)), objects(true, mib, array, session(10_000)), []string{
			"+9000 org.h2.engine.SessionLocal, +12.0 MiB in 5m0s: now 10000 with 13.4 MiB",
		}},
		"with garbage": {objects(false, mib, array, session(1000)), objects(false, mib, array, session(10_000)), []string{
			"+9000 org.h2.engine.SessionLocal, +12.0 MiB in 5m0s: now 10000 with 13.4 MiB", garbage,
		}},
		"new": {objects(true, 0, array), objects(true, 0, array, session(1000)), []string{
			"+1000 org.h2.engine.SessionLocal, +1.3 MiB in 5m0s: now 1000 with 1.3 MiB",
		}},
		"not listed before": {objects(true, mib, dcmd.ClassCount{Name: "[B", Instances: 9, Bytes: mib}), objects(true, mib, session(10_000)), []string{
			"org.h2.engine.SessionLocal, at least +12.4 MiB in 5m0s: now 10000 with 13.4 MiB",
		}},
		"longer arrays": {objects(true, 0, dcmd.ClassCount{Name: "[B", Instances: 9323, Bytes: mib}), objects(true, 0, array), []string{
			"+0 [B, +19.0 MiB in 5m0s: now 9323 with 20.0 MiB",
		}},
		"none grew": {objects(false, 0, array, session(1000)), objects(false, 0, array, session(10)), []string{"no class has more bytes of objects than 5m0s before"}},
	} {
		got := objectLines(tt.now, reading{objects: tt.before, at: time.Now().Add(-5 * time.Minute)})
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestHistogramsOfJVM: what a JVM came to hold between two class histograms is first.
func TestHistogramsOfJVM(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-XX:+UseSerialGC", "-Xmx256m"}})
	p, err := jvm.Open("/proc", j.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Query(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.Do("objects 16")
	first, err := histogram(t.Context(), p, reading{})
	if err != nil || !strings.Contains(first.lines[0], " × [B, ") {
		t.Fatalf("%q, %v", first.lines, err)
	}
	first.at = time.Now()
	j.Do("objects 64") // of 1 KiB
	second, err := histogram(t.Context(), p, first)
	if err != nil {
		t.Fatal(err)
	}
	var arrays int
	var mib float64
	if _, err := fmt.Sscanf(second.lines[0], "%d [B, %f MiB in ", &arrays, &mib); err != nil || arrays < 60<<10 || arrays > 72<<10 || mib < 60 || mib > 72 {
		t.Errorf("%q: %v", second.lines, err)
	}
}
