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

func TestStackLines(t *testing.T) {
	stacks := func(idle, leaked, other int) *evidence.Stacks {
		s := &evidence.Stacks{Threads: idle + leaked + other, States: map[string]int{"WAITING (parking)": idle + leaked + other}}
		for name, n := range map[string]int{"Idle": idle, "Leak": leaked, "Other": other} {
			if n > 0 {
				s.Groups = append(s.Groups, evidence.Group{Name: "pool-#", Sharing: n, Frames: []string{"a." + name + ".run(A.java:1)"}, Depth: 3})
			}
		}
		slices.SortFunc(s.Groups, func(a, b evidence.Group) int { return b.Sharing - a.Sharing })
		return s
	}
	partial, rest := stacks(90, 10, 0), stacks(90, 10, 0)
	partial.Partial = true
	rest.Threads += 40 // of other stacks, not more than 10 of one
	for name, tt := range map[string]struct {
		before, now *evidence.Stacks
		want, frame string
	}{
		"the first":      {nil, stacks(90, 10, 1), "90 of 101 threads pool-# have this stack (WAITING (parking) 101):", "Idle"},
		"one grew":       {stacks(90, 10, 1), stacks(88, 50, 3), "50 of 141 threads pool-# have this stack, +40 in 5m0s, in which the pool gained 40 (WAITING (parking) 141):", "Leak"},
		"new":            {stacks(90, 0, 0), stacks(90, 40, 0), "40 of 130 threads pool-# have this stack, +40 in 5m0s, in which the pool gained 40 (WAITING (parking) 130):", "Leak"},
		"several grew":   {stacks(90, 50, 0), stacks(100, 60, 30), "30 of 190 threads pool-# have this stack, +30 in 5m0s, in which the pool gained 50 (WAITING (parking) 190):", "Other"},
		"none by half":   {stacks(90, 50, 40), stacks(100, 60, 50), "100 of 210 threads pool-# have this stack (WAITING (parking) 210):", "Idle"},
		"did not grow":   {stacks(50, 90, 0), stacks(90, 50, 0), "90 of 140 threads pool-# have this stack (WAITING (parking) 140):", "Idle"},
		"partial before": {partial, stacks(90, 50, 0), "90 of 140 threads pool-# have this stack (WAITING (parking) 140):", "Idle"},
		"perhaps unlisted": {rest, stacks(90, 10, 60), "60 of 160 threads pool-# have this stack, at least +50 in 5m0s, in which the pool gained 20 (WAITING (parking) 160):",
			"Other"},
	} {
		got := stackLines(tt.now, reading{stacks: tt.before, at: time.Now().Add(-5 * time.Minute)})
		if want := []string{tt.want, "  at a." + tt.frame + ".run(A.java:1)", "  and 2 more"}; !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
