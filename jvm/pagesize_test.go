package jvm

import (
	"bytes"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/hsperf"
	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/resident"
)

// captured is a JVM on a machine with larger pages than this one has: see testdata/README.md.
type captured struct {
	t         *testing.T
	dir       string
	pageBytes uint64
	mappings  []pages.Mapping
}

func (c *captured) text(name string) string {
	c.t.Helper()
	return jvmtest.CaptureText(c.t, filepath.Join("testdata", c.dir, name))
}

func (c *captured) read(name string, read func(io.Reader, func(*pages.Mapping)) error) (mappings []pages.Mapping) {
	c.t.Helper()
	err := read(bytes.NewReader([]byte(c.text(name))), func(m *pages.Mapping) { mappings = append(mappings, *m) })
	if err != nil {
		c.t.Fatal(err)
	}
	return mappings
}

// Resident counts as a kernel does, in whole pages. The resident pages of a mapping are its first.
func (c *captured) Resident(start, end uint64) (anonymous, file int64, err error) {
	for i := range c.mappings {
		m := &c.mappings[i]
		until := m.Start + uint64(m.AnonymousBytes)
		for page := max(start&^(c.pageBytes-1), m.Start); page < min(end, until); page += c.pageBytes {
			anonymous += int64(c.pageBytes)
		}
	}
	return anonymous, 0, nil
}

// reported returns what each source reports of the ranges.
func (c *captured) reported() map[string]ranges.Reported {
	c.t.Helper()
	check := func(err error) {
		c.t.Helper()
		if err != nil {
			c.t.Fatal(err)
		}
	}
	report, err := nmt.Parse(c.text("detail.txt.gz"))
	check(err)
	heap, err := dcmd.ParseHeapInfo(c.text("heap_info.txt"))
	check(err)
	code, err := dcmd.ParseCodeCache(c.text("codecache.txt"))
	check(err)
	nodes, _, err := dcmd.ParseMetaspace(c.text("metaspace_vslist.txt.gz"))
	check(err)
	info, err := dcmd.ParseVMInfo(c.text("vm_info.txt.gz"))
	check(err)
	stacks := slices.DeleteFunc(slices.Clone(report.Regions), func(r ranges.Range) bool { return r.Kind != ranges.Stack })
	return map[string]ranges.Reported{
		"NMT":      {NMT: report.Regions, Current: true, Major: 17},
		"commands": {Heap: heap.Ranges, Code: code.Ranges, Nodes: nodes, Info: info.Ranges, Structs: stacks, Current: true, Major: 17},
		"patterns": {Major: 17},
	}
}

// TestPageSizes: whichever source reports the ranges, they are whole pages, each page is counted
// once, and the stacks are those of NMT.
func TestPageSizes(t *testing.T) {
	for dir, pageBytes := range map[string]uint64{"arm64-4k": 4 << 10, "arm64-16k": 16 << 10, "arm64-64k": 64 << 10} {
		t.Run(dir, func(t *testing.T) {
			c := &captured{t: t, dir: dir, pageBytes: pageBytes}
			var reader pages.Reader
			c.mappings = c.read("smaps.txt.gz", reader.Read)
			for i, m := range c.read("maps.txt.gz", reader.ReadMaps) {
				if of := c.mappings[i]; of.Start != m.Start || of.End != m.End || of.Perm != m.Perm || of.Path != m.Path || (m.Start|m.End)%pageBytes != 0 {
					t.Errorf("%+v in maps, %+v in smaps", m, of)
				}
				c.mappings[i].Flags = 0 // stacks are found by their guards, as where maps are read
			}
			rollup, err := pages.ReadRollup(bytes.NewReader([]byte(c.text("smaps_rollup.txt"))))
			if err != nil {
				t.Fatal(err)
			}
			none := func([]ranges.Range, []int64) ([]ranges.Range, error) { return nil, nil }
			stacks := make(map[string]int64)
			for source, reported := range c.reported() {
				named := reported.Map(c.mappings, pageBytes, none, none)
				for _, r := range named.Ranges {
					if (r.Start|r.End)%pageBytes != 0 {
						t.Errorf("%s: %v %x-%x", source, r.Kind, r.Start, r.End)
					}
				}
				counts := resident.CountPages(c.mappings, named.Ranges, nil, c)
				if anon := counts.AnonBytes(); anon != rollup.AnonymousBytes {
					t.Errorf("%s: %d bytes, the kernel has %d", source, anon, rollup.AnonymousBytes)
				}
				if heap := counts.Kinds[ranges.Heap].AnonBytes; (heap >= 48<<20) != (source != "patterns") {
					t.Errorf("%s: heap of %d bytes", source, heap)
				}
				stacks[source] = counts.Kinds[ranges.Stack].AnonBytes
			}
			for source, bytes := range stacks {
				// By patterns alone the end of a stack is unknown: Linux 6.1 joins it with what is above.
				more := bytes > stacks["NMT"]+4*int64(pageBytes) && (source != "patterns" || pageBytes < 64<<10)
				if more || bytes < stacks["NMT"]*9/10 {
					t.Errorf("%s: %d bytes of stacks, NMT has %d", source, bytes, stacks["NMT"])
				}
			}
			status, err := proc.ParseStatus(bytes.NewReader([]byte(c.text("status.txt"))))
			if err != nil || !status.CatchesQuit || max(status.RssAnonBytes-rollup.AnonymousBytes, rollup.AnonymousBytes-status.RssAnonBytes) > 64*int64(pageBytes)*int64(status.Threads) {
				t.Errorf("%+v, %v; %d bytes in smaps", status, err, rollup.AnonymousBytes)
			}
			counters, err := hsperf.Parse([]byte(c.text("hsperfdata.bin.gz")))
			if err != nil {
				t.Fatal(err)
			}
			if s := counters.Summary(); s.GC != "G1" || *s.HeapUsedBytes() < 1<<20 || int(*s.ThreadsLive) > status.Threads {
				t.Errorf("%+v", s)
			}
		})
	}
}
