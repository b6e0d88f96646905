package dcmd

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/hsperf"
	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// capture is where one JVM's replies lie: every file of it is of the same
// process, seconds apart.
type capture struct{ dir, jdk, collector string }

// captures returns those that have the file.
func captures(t testing.TB, file string, want int) []capture {
	t.Helper()
	var out []capture
	for _, path := range jvmtest.Captures(t, "testdata/*/*/"+file, want) {
		dir := filepath.Dir(path)
		collector, _, _ := strings.Cut(filepath.Base(dir), "-nmt")
		out = append(out, capture{dir, filepath.Base(filepath.Dir(dir)), collector})
	}
	return out
}

// sibling returns a file of the same JVM in another package's testdata.
func (c capture) sibling(pkg, file string) string {
	return filepath.Join("..", pkg, c.dir, file)
}

func (c capture) hsperf(t *testing.T) hsperf.Summary {
	t.Helper()
	d, err := hsperf.Parse(jvmtest.Capture(t, c.sibling("hsperf", "hsperfdata.bin.gz")))
	if err != nil {
		t.Fatal(err)
	}
	return d.Summary()
}

// gc is the name that VM.info and hsperf have for the collector.
func (c capture) gc() string {
	return map[string]string{"serial": "Serial", "parallel": "Parallel", "cms": "CMS", "g1": "G1", "epsilon": "Epsilon",
		"shenandoah": "Shenandoah", "shengen": "Shenandoah", "z": "ZGC", "zgen": "ZGC"}[c.collector]
}

// byKind sums up the ranges, and checks that they are sorted and disjoint.
func byKind(t *testing.T, list []ranges.Range) map[ranges.Kind]uint64 {
	t.Helper()
	sizes := map[ranges.Kind]uint64{}
	var last uint64
	for _, r := range list {
		if r.Start >= r.End || r.Start < last {
			t.Fatalf("range %x-%x after %x", r.Start, r.End, last)
		}
		last = r.End
		sizes[r.Kind] += r.End - r.Start
	}
	return sizes
}

// TestRangesMatchNMT: what these commands say of a JVM lies where its own
// VM.native_memory detail says, and heap, metaspace and class space are all of it.
func TestRangesMatchNMT(t *testing.T) {
	n := 0
	for _, c := range captures(t, "vm_info.txt.gz", 62) {
		if !strings.HasSuffix(c.dir, "-nmtdetail") {
			continue
		}
		n++
		t.Run(c.dir, func(t *testing.T) {
			report, err := nmt.Parse(jvmtest.CaptureText(t, c.sibling("nmt", "detail.txt.gz")))
			if err != nil {
				t.Fatal(err)
			}
			info, err := ParseVMInfo(jvmtest.CaptureText(t, c.dir+"/vm_info.txt.gz"))
			if err != nil {
				t.Fatal(err)
			}
			nodes, _, err := ParseMetaspace(jvmtest.CaptureText(t, c.dir+"/metaspace_vslist.txt.gz"))
			if err != nil {
				t.Fatal(err)
			}
			code, err := ParseCodeCache(jvmtest.CaptureText(t, c.dir+"/codecache.txt"))
			if err != nil {
				t.Fatal(err)
			}
			list := ranges.Merge(info.Ranges, nodes, code.Ranges)
			for _, r := range list {
				for at := r.Start; at < r.End; {
					i := ranges.Find(report.Regions, at)
					if i == len(report.Regions) || report.Regions[i].Start > at || report.Regions[i].Kind != r.Kind {
						t.Fatalf("%v %x-%x is not in NMT at %x", r.Kind, r.Start, r.End, at)
					}
					at = report.Regions[i].End
				}
			}
			ours, theirs := byKind(t, list), byKind(t, report.Regions)
			for _, kind := range []ranges.Kind{ranges.Heap, ranges.Metaspace, ranges.ClassSpace} {
				if ours[kind] != theirs[kind] {
					t.Errorf("%v: %d bytes, NMT has %d", kind, ours[kind], theirs[kind])
				}
			}
		})
	}
	if n != 7 {
		t.Errorf("%d captures with detail, want 7", n)
	}
}
