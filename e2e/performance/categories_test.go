package performance

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/performance/report"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/malloc"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/pages"
)

const (
	// comparedBytes is the smallest category that is compared: NMT rounds to KiB.
	comparedBytes = 64 << 10
	// replyBytes is the JVM's buffer for the reply, from replyFeature on: it has freed it when the
	// blocks are walked through.
	replyBytes, replyFeature = 1 << 20, 21
)

// TestCategories compares the headers in malloc's blocks with what Native Memory Tracking
// reports, by category, on each JDK.
func TestCategories(t *testing.T) {
	tree, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	out := &report.Table{Head: []string{"JDK", "category", "in blocks, KiB", "by NMT, KiB", "off by, %", "goal, %", ""}}
	for _, d := range tree.JDKs {
		feature, err := strconv.Atoi(d.Name)
		if err != nil {
			continue // one without a part of it
		}
		t.Run(d.Name, func(t *testing.T) {
			j := ofDebian(tree, d.Name).start(t, 200, 64, "-XX:NativeMemoryTracking=summary", "-Xmx600m")
			j.Do("unsafe 32 3000")
			j.Do("direct 32")
			compareCategories(t, j.PID, feature, out)
		})
	}
	write(t, "categories", fmt.Sprintf("%s\n\nJVMs with G1, 200 threads, 64 MiB of heap and 64 MiB of buffers; categories of at least %d KiB:\n\n%s",
		machine(t), comparedBytes>>10, out))
}

// compareCategories adds what a walk finds between two reports that are the same, or nearly
// so if there are none.
func compareCategories(t *testing.T, pid, feature int, out *report.Table) {
	t.Helper()
	p, err := jvm.Open("/proc", pid)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var before, after *nmt.Report
	var found malloc.Result
	for range 10 {
		before = countedReport(t, p)
		found = divide(t, p, feature)
		if after = countedReport(t, p); reflect.DeepEqual(before, after) {
			break
		}
	}
	names, err := p.NMTCategories()
	if err != nil || len(names) == 0 {
		t.Fatalf("%d categories, %v", len(names), err)
	}
	for i, name := range names {
		low, high := mallocedBytes(before, name, feature), mallocedBytes(after, name, feature)
		low, high = min(low, high), max(low, high)
		if high < comparedBytes {
			continue
		}
		got := found.Categories[i].Bytes
		off := float64(max(low-got, got-high, 0)) / float64(high)
		if off > 0.01 {
			t.Errorf("%s: %d bytes in blocks, %d to %d by NMT", name, got, low, high)
		}
		reported := report.Number(float64(low) / 1024)
		if low != high {
			reported += " to " + report.Number(float64(high)/1024)
		}
		out.Add(filepath.Base(strings.TrimPrefix(t.Name(), "TestCategories")), name, report.Number(float64(got)/1024), reported, report.Number(100*off), "1", report.Met(off <= 0.01))
	}
}

// countedReport returns what NMT reports, after a count of pages.
func countedReport(t *testing.T, p *jvm.Process) *nmt.Report {
	t.Helper()
	answers, err := p.Query(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := p.Resident(answers)
	if err != nil || f.Report == nil {
		t.Fatalf("%v, no report of NMT: %+v", err, f.Sources)
	}
	return f.Report
}

// divide divides malloc's blocks by their headers.
func divide(t *testing.T, p *jvm.Process, feature int) malloc.Result {
	t.Helper()
	mem, err := p.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	pagemap, err := pages.OpenPagemap(filepath.Join(p.Dir(), "pagemap"))
	if err != nil {
		t.Fatal(err)
	}
	defer pagemap.Close()
	var split malloc.Split
	if _, err := malloc.Walk(mem, pagemap, p.MallocAreas(), malloc.Budget{Reads: 1 << 20, Time: time.Minute}, split.Add); err != nil {
		t.Fatal(err)
	}
	return split.Result(malloc.JVM{Feature: feature, NMT: "summary"})
}

// mallocedBytes is the memory of a category in blocks of its own. The arenas of all
// categories are made of chunks.
func mallocedBytes(r *nmt.Report, name string, feature int) int64 {
	i := slices.IndexFunc(r.Categories, func(c nmt.Category) bool { return c.Name == name })
	if i < 0 {
		return 0
	}
	bytes := r.Categories[i].MallocBytes
	switch {
	case name == "Arena Chunk":
		for _, c := range r.Categories {
			bytes += c.ArenaBytes
		}
	case name == "Internal" && feature >= replyFeature && bytes > replyBytes:
		bytes -= replyBytes
	}
	return bytes
}
