package jvm

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/nmt"
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
	reported := func(bytes int64) *nmt.Report {
		return &nmt.Report{Categories: []nmt.Category{{Name: "Other", MallocBytes: bytes}}}
	}
	facts := func(tracked, free int64) Facts {
		return Facts{Report: reported(tracked), Malloc: &Malloc{FreeBytes: free}}
	}
	then := facts(30*mib, 2*mib)
	for name, tt := range map[string]struct {
		bytes int64 // of malloc now; 40 MiB in the walk
		now   Facts
		due   bool
	}{
		"nothing moved":                      {40 * mib, then, false},
		"all is the JVM's":                   {45 * mib, facts(35*mib, 2*mib), false},
		"the JVM freed it":                   {35 * mib, facts(25*mib, 2*mib), false},
		"a library allocated":                {45 * mib, then, true},
		"not touched yet":                    {43 * mib, facts(35*mib, 2*mib), true},
		"a library used retained memory too": {45 * mib, facts(35*mib, 0), true},
		"the JVM used retained memory":       {40 * mib, facts(35*mib, 0), false}, // malloc's memory is the same
		"glibc's account is not known":       {45 * mib, Facts{Report: reported(35 * mib)}, true},
		"NMT was switched off":               {45 * mib, Facts{}, true},
		"doubled":                            {81 * mib, facts(71*mib, 2*mib), true},
	} {
		p := &Process{walked: walked{tried: true, bytes: 40 * mib, blocks: &Blocks{
			Categories: map[string]int64{"Other": 30 * mib}, Report: then.Report, Malloc: then.Malloc,
		}}}
		p.counted.blocks, p.counted.mallocBytes, p.counted.facts = true, tt.bytes, tt.now
		if due := p.BlocksDue(); due != tt.due {
			t.Errorf("%s: due %v", name, due)
		}
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
