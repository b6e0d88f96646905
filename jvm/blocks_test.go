package jvm

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/resident"
)

// jemalloc is that of Debian (libjemalloc2).
var jemalloc = []string{"LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"}

// TestBlocks: known amounts are found in malloc's blocks, by HotSpot's own headers, whether
// the JVM answers or not.
func TestBlocks(t *testing.T) {
	for name, tt := range map[string]struct {
		flags    []string
		category string // of the amount; "": what is in use has no names
		reported bool
		env      []string
	}{
		"NMT":               {[]string{"-XX:NativeMemoryTracking=summary"}, "Other", true, nil},
		"attach refused":    {[]string{"-XX:NativeMemoryTracking=summary", "-XX:+DisableAttachMechanism"}, "Other", false, nil},
		"NMT off":           {nil, "", false, nil},
		"jemalloc":          {[]string{"-XX:NativeMemoryTracking=summary"}, "Other", true, jemalloc},
		"jemalloc, NMT off": {nil, "", false, jemalloc},
	} {
		t.Run(name, func(t *testing.T) {
			j := jvmtest.Start(t, jvmtest.Options{Env: tt.env, JVMFlags: append(tt.flags, "-XX:+UseSerialGC", "-Xmx32m", "-Xint")})
			p, err := Open("/proc", j.PID)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if p.BlocksDue() {
				t.Error("a walk is due before pages were counted")
			}
			amount := func(b *Blocks) int64 {
				if tt.category == "" {
					return b.UntrackedBytes
				}
				return b.Categories[tt.category]
			}
			before := walk(t, p, true)
			j.Do("unsafe 8 3000")
			j.Do("unsafe 16")
			after := walk(t, p, !tt.reported) // what NMT reports may need none
			const want = 24 * mib
			// 8 MiB in blocks of 3000 bytes, each with up to 56 of malloc and NMT.
			if got := amount(after) - amount(before); got < want || got > want+mib/2 {
				t.Errorf("%q grew by %d bytes, want %d", tt.category, got, want)
			}
			if (after.Report != nil) != tt.reported || (after.Categories == nil) != (tt.category == "") {
				t.Errorf("report %v, categories %v", after.Report, after.Categories)
			}
			j.Do("unsafefree")
			freed := walk(t, p, false) // perhaps all is retained
			if got := amount(freed) - amount(before); got > mib/2 {
				t.Errorf("%q has %d bytes more after they were freed", tt.category, got)
			}
		})
	}
}

// TestBlocksGrown: what an arena grew since the pages were counted is seen.
func TestBlocksGrown(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-XX:+UseSerialGC", "-Xmx32m", "-Xint"}})
	p, err := Open("/proc", j.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	before := walk(t, p, true)
	a, err := p.Query(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := p.Resident(a)
	if err != nil {
		t.Fatal(err)
	}
	j.Do("unsafe 8 3000")
	p.WalkBlocks(&f)
	if grown := f.Blocks.UntrackedBytes - before.UntrackedBytes; p.walked.err != nil || grown < 8*mib || grown > 9*mib {
		t.Errorf("%d bytes more are in use, want %d: %v", grown, 8*mib, p.walked.err)
	}
}

const mib = 1 << 20

// walk counts the pages and walks through the blocks.
func walk(t *testing.T, p *Process, due bool) *Blocks {
	t.Helper()
	a, err := p.Query(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := p.Resident(a)
	if err != nil {
		t.Fatal(err)
	}
	if due && !p.BlocksDue() {
		t.Error("no walk is due")
	}
	p.WalkBlocks(&f)
	if p.BlocksDue() {
		t.Error("another walk is due")
	}
	named := slices.DeleteFunc(slices.Clone(f.Sources), func(s Source) bool { return s.Name != SourceBlocks })
	if len(named) != 1 || !named[0].OK {
		t.Fatalf("sources: %+v", named)
	}
	sum := f.Blocks.FreeBytes + f.Blocks.UntrackedBytes
	for _, bytes := range f.Blocks.Categories {
		sum += bytes
	}
	if sum != f.Blocks.ResidentBytes {
		t.Errorf("the parts add up to %d, all have %d", sum, f.Blocks.ResidentBytes)
	}
	return f.Blocks
}

// TestBlocksSilent: what is freed and stays resident is noticed after a while, where nothing
// reports it.
func TestBlocksSilent(t *testing.T) {
	p := &Process{}
	p.counted.blocks = true
	for _, tt := range []struct {
		silent, old, due bool
	}{{false, true, false}, {true, false, false}, {true, true, true}} {
		p.walked = walked{tried: true, silent: tt.silent, at: time.Now()}
		if tt.old {
			p.walked.at = p.walked.at.Add(-2 * silentAge)
		}
		if p.BlocksDue() != tt.due {
			t.Errorf("%+v: due %v", tt, !tt.due)
		}
	}
}

// TestBlocksExplained: no walk is due for what NMT reports of the JVM's own blocks.
func TestBlocksExplained(t *testing.T) {
	of := func(bytes, tracked, free int64) malloced {
		return malloced{resident.Malloced{ResidentBytes: bytes, TrackedBytes: &tracked}, &Malloc{FreeBytes: free}}
	}
	then := of(40*mib, 30*mib, 2*mib)
	for name, tt := range map[string]struct {
		now malloced
		due bool
	}{
		"nothing moved":                      {then, false},
		"all is the JVM's":                   {of(45*mib, 35*mib, 2*mib), false},
		"the JVM freed it":                   {of(35*mib, 25*mib, 2*mib), false},
		"a library allocated":                {of(45*mib, 30*mib, 2*mib), true},
		"not touched yet":                    {of(43*mib, 35*mib, 2*mib), true},
		"a library used retained memory too": {of(45*mib, 35*mib, 0), true},
		"the JVM used retained memory":       {of(40*mib, 35*mib, 0), false}, // malloc's memory is the same
		"glibc's account is not known":       {malloced{of(45*mib, 35*mib, 0).Malloced, nil}, true},
		"NMT was switched off":               {malloced{resident.Malloced{ResidentBytes: 45 * mib}, &Malloc{FreeBytes: 2 * mib}}, true},
		"doubled":                            {of(81*mib, 71*mib, 2*mib), true},
	} {
		p := &Process{walked: walked{tried: true, malloced: then, blocks: &Blocks{Categories: map[string]int64{"Other": 30 * mib}}}}
		p.counted.blocks, p.counted.malloced = true, tt.now
		if due := p.BlocksDue(); due != tt.due {
			t.Errorf("%s: due %v", name, due)
		}
	}
}

// TestBlocksOfReusedCount: where the last count is used although NMT reports more, within the
// tolerance of a large JVM, no walk is due: the count is not compared with the newer report.
func TestBlocksOfReusedCount(t *testing.T) {
	facts := func(tracked int64) Facts {
		report := &nmt.Report{Categories: []nmt.Category{{Name: "Other", MallocBytes: tracked}}}
		return Facts{Report: report, Malloc: &Malloc{}, UptimeSeconds: new(3600.0)}
	}
	p, a := &Process{}, &Answers{Facts: facts(38 * mib), started: new(int64(9)), sameThreads: true}
	c := &p.counted
	c.facts = facts(30 * mib)
	c.facts.Resident = map[ranges.Kind]resident.Bytes{ranges.MallocArena: {AnonBytes: 40 * mib}}
	c.blocks, c.arenas, c.malloced = true, &resident.Arenas{}, mallocedOf(c.facts.Resident, &c.facts)
	c.indicators = &resident.Indicators{NMT: c.facts.Report, ThreadsStarted: new(int64(9))}
	p.walked = walked{tried: true, malloced: malloced{resident.Malloced{ResidentBytes: 30 * mib, TrackedBytes: new(int64(20 * mib))}, &Malloc{}}, blocks: &Blocks{Categories: map[string]int64{"Other": 20 * mib}}}
	if _, decision := p.Reuse(a, 16*mib); decision.Action != resident.Use || p.BlocksDue() {
		t.Errorf("%s %s, a walk is due: %v", decision.Action, decision.Reason, p.BlocksDue())
	}
}

// TestBlocksDiffer: a report of NMT that a walk does not agree with may be of before the walk, so
// the next sample has both again, but not for ever.
func TestBlocksDiffer(t *testing.T) {
	p := &Process{}
	p.counted.blocks = true
	for failed, due := range map[int]bool{1: true, mostDiffering - 1: true, mostDiffering: false} {
		p.walked = walked{tried: true, failed: failed, err: fmt.Errorf("%w: 31 MiB were found", errDiffers)}
		if p.BlocksDue() != due {
			t.Errorf("after %d walks: due %v", failed, !due)
		}
	}
}
