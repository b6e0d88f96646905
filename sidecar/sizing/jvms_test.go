package sizing

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// two is a container with two JVMs, of which the second needs a quarter of the heap of the first.
func two(t *testing.T) *history.Document {
	t.Helper()
	d, err := history.Read(bytes.NewReader(synthetic("536870912", 10*mib)))
	if err != nil {
		t.Fatal(err)
	}
	c := d.Containers[0]
	c.JVMs = append(c.JVMs, breakdown.JVM{PID: 2, GC: "Serial", Flags: c.JVMs[0].Flags})
	series := c.Tracks[0].Series
	for _, name := range []string{history.Used(rows.Heap), history.Committed(rows.Heap), history.OldUsed, history.OldCollections, history.CPUMillis, history.GCMillis} {
		series[history.OfJVM(1, name)] = series[name]
		fourth := &history.Column{}
		for _, v := range series[name].Last {
			fourth.Last = append(fourth.Last, v/4)
		}
		series[history.OfJVM(2, name)] = fourth
	}
	series[history.OfJVM(2, history.OldCollections)] = series[history.OldCollections]
	return d
}

// TestTwoJVMs: there is one limit for the sum of what both need, and flags for each of them.
func TestTwoJVMs(t *testing.T) {
	report := All(two(t), 0)
	c := &report.Containers[0]
	r := c.Recommended
	if r == nil || len(r.JVMs) != 2 || len(r.Options) != 0 {
		t.Fatalf("%v %+v", c.Missing, r)
	}
	first, second := r.JVMs[0], r.JVMs[1]
	if first.PID != 1 || second.PID != 2 || first.MaxHeapBytes+second.MaxHeapBytes != r.MaxHeapBytes || second.MaxHeapBytes*4 > first.MaxHeapBytes*5/4 {
		t.Errorf("%+v", r.JVMs)
	}
	alone := All(one(t), 0).Containers[0].Recommended
	if first.MaxHeapBytes != alone.MaxHeapBytes || r.LimitBytes <= alone.LimitBytes {
		t.Errorf("alone: %+v, with another one: %+v", alone, r)
	}
	if first.Options[0] != "-XX:+UseG1GC" || second.Options[0] != "-XX:+UseSerialGC" {
		t.Errorf("%v, %v", first.Options, second.Options)
	}
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"of heap for 2 JVMs", "pid 1: ", "pid 2: ", "  pid 2    -XX:+UseSerialGC -Xmx"} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("no %q in:\n%s", part, text.String())
		}
	}
	// A smaller limit is divided as well; one of the two that has no room is named.
	if s := c.plan.fit(r.LimitBytes * 9 / 10); !s.Fits || len(s.JVMs) != 2 || s.NeededBytes > s.LimitBytes {
		t.Errorf("%+v", s)
	}
	if s := c.plan.fit(r.LimitBytes / 2); s.Fits || s.JVMs != nil {
		t.Errorf("%+v", s)
	}
}

func one(t *testing.T) *history.Document {
	t.Helper()
	d, err := history.Read(bytes.NewReader(synthetic("536870912", 10*mib)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestTwoJVMsUnknown: a JVM whose collections were not seen is named.
func TestTwoJVMsUnknown(t *testing.T) {
	d := two(t)
	delete(d.Containers[0].Tracks[0].Series, history.OfJVM(2, history.Committed(rows.Heap)))
	c := All(d, 0).Containers[0]
	if c.Recommended != nil || !strings.Contains(strings.Join(c.Missing, "\n"), "a garbage collection of pid 2") {
		t.Errorf("%v, %+v", c.Missing, c.Recommended)
	}
}

// TestMaxDirectMemory: six times what was seen, and no more than the maximum that it ran with.
func TestMaxDirectMemory(t *testing.T) {
	for name, c := range map[string]struct {
		seen, flag, maxHeap int64  // MiB; -1: unknown
		want                string // "": the maximum stays
	}{
		"little":                  {1, 0, 960, "64m"},
		"pooled":                  {64, 0, 960, "384m"},
		"default maximum":         {64, 0, 100, "100m"},
		"higher maximum":          {20, 512, 960, "128m"},
		"lower maximum":           {20, 30, 960, ""},
		"unknown, default":        {-1, 0, 100, "100m"},
		"unknown, a maximum":      {-1, 30, 960, ""},
		"no flag":                 {20, -1, 960, "128m"},
		"unknown, without a flag": {-1, -1, 960, ""},
	} {
		d := one(t)
		of := d.Containers[0]
		of.JVMs[0].Flags = map[string]any{"MaxHeapSize": c.maxHeap * mib}
		if c.flag >= 0 {
			of.JVMs[0].Flags["MaxDirectMemorySize"] = c.flag * mib
		}
		if series := of.Tracks[0].Series; c.seen >= 0 {
			seen := &history.Column{}
			for range of.Tracks[0].Times {
				seen.Last = append(seen.Last, c.seen*mib)
			}
			series[history.Detail(rows.Native, rows.DirectBuffers)] = seen
		}
		var got string
		for _, option := range All(d, 0).Containers[0].Recommended.Options {
			if value, ok := strings.CutPrefix(option, "-XX:MaxDirectMemorySize="); ok {
				got = value
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
