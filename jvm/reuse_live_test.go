package jvm

import (
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/resident"
)

// TestReuseRest: what malloc's arenas grew is counted alone, and is what a count of all pages
// finds. What else grew makes all be counted.
func TestReuseRest(t *testing.T) {
	const tolerance = mib / 4
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-XX:NativeMemoryTracking=summary", "-XX:+UseSerialGC", "-Xms32m", "-Xmx32m", "-XX:+AlwaysPreTouch", "-Xint"}})
	p, err := Open("/proc", j.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	query := func() *Answers {
		t.Helper()
		a, err := p.Query(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a.Facts.UptimeSeconds = new(60.0) // nothing of a young one is reused
		return a
	}
	count := func(a *Answers) Facts {
		t.Helper()
		for {
			f, next, err := p.Resident(a)
			if err != nil {
				t.Fatal(err)
			}
			if next.Action != resident.Query {
				p.WalkBlocks(&f)
				return f
			}
			a = query()
		}
	}
	arenas := func(f *Facts) int64 { return f.Resident[ranges.MallocArena].AnonBytes }

	for range 3 { // the first VM.info, and the classes of the commands, take memory
		j.Do("unsafeblocks 400 3000")
		j.Do("unsafefree")
		count(query())
	}
	before := count(query())
	if p.counted.arenas == nil { // the kernel has no PAGEMAP_SCAN
		j.Do("unsafeblocks 64 65536")
		if _, next := p.Reuse(query(), tolerance); next.Action != resident.Count {
			t.Errorf("%v", next)
		}
		return
	}
	j.Do("unsafeblocks 64 65536")
	if f, next := p.Reuse(query(), tolerance); next.Action != resident.Use || arenas(&f)-arenas(&before) < 3*mib {
		t.Errorf("%v, arenas have %d bytes, %d before", next, arenas(&f), arenas(&before))
	}
	// If CountGrown is wrong, Count follows it in Reuse, and only the time shows it.
	for range 2 {
		grown, _ := p.counted.arenas.CountGrown(p.Dir(), &p.arenaScan)
		if all, ok := p.counted.arenas.Count(p.Dir(), &p.arenaScan); !ok || distance(grown, all) > tolerance {
			t.Errorf("arenas have %d bytes, %d by a count of all", grown, all)
		}
	}
	j.Do("unsafefree") // as in the last count of all pages
	for _, command := range []string{"gc", "unsafeblocks 64 65536", "unsafeblocks 400 3000", "unsafefree"} {
		j.Do(command)
		a := query()
		reused, next := p.Reuse(a, tolerance)
		if next.Action != resident.Use {
			t.Errorf("%s: %v", command, next)
			continue
		}
		all := count(a)
		for kind, is := range all.Resident {
			if of := reused.Resident[kind]; distance(of.AnonBytes, is.AnonBytes) > tolerance {
				t.Errorf("%s: %v has %d bytes, %d by a count of all", command, kind, of.AnonBytes, is.AnonBytes)
			}
		}
		if strings.HasPrefix(command, "unsafeblocks") && arenas(&reused)-arenas(&before) < mib {
			t.Errorf("%s: arenas have %d bytes, %d before", command, arenas(&reused), arenas(&before))
		}
		before = all
	}
	for _, command := range []string{"unsafe 4", "threads 40 64", "classes 400"} { // mmapped chunks, stacks, metaspace
		j.Do(command)
		a := query()
		if _, next := p.Reuse(a, tolerance); next.Action != resident.Count {
			t.Errorf("%s: %v", command, next)
		}
		count(a)
	}
}
