package dcmd

import (
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// TestMetaspaceMatchesNMT: sizes are those that the same JVM's native memory
// tracking reports, and the three forms of the command agree.
func TestMetaspaceMatchesNMT(t *testing.T) {
	for _, c := range captures(t, "metaspace_vslist.txt.gz", 62) {
		t.Run(c.dir, func(t *testing.T) {
			list, usage, err := ParseMetaspace(jvmtest.CaptureText(t, c.dir+"/metaspace_vslist.txt.gz"))
			if err != nil {
				t.Fatal(err)
			}
			basic, err := ParseMetaspaceBasic(jvmtest.CaptureText(t, c.dir+"/metaspace_basic.txt"))
			if err != nil {
				t.Fatal(err)
			}
			if usage.Loaders == nil || usage.Classes == nil || *usage.Classes < 1000 || *usage.Loaders < 10 {
				t.Errorf("loaders %v, classes %v", usage.Loaders, usage.Classes)
			}
			if basic.Loaders != nil || basic.Classes != nil {
				t.Error("basic reports no classes")
			}
			noClassSpace := c.jdk == "jdk11" && c.collector == "z"
			if (usage.ClassSpace == nil) != noClassSpace || (basic.ClassSpace == nil) != noClassSpace {
				t.Fatalf("class space %v, %v", usage.ClassSpace, basic.ClassSpace)
			}
			sizes := byKind(t, list)
			parts := []struct {
				full, basic SpaceUsage
				kind        ranges.Kind
			}{{usage.NonClass, basic.NonClass, ranges.Metaspace}}
			if !noClassSpace {
				parts = append(parts, struct {
					full, basic SpaceUsage
					kind        ranges.Kind
				}{*usage.ClassSpace, *basic.ClassSpace, ranges.ClassSpace})
			}
			var committed int64
			for _, p := range parts {
				f, b := p.full, p.basic
				if uint64(*f.ReservedBytes) != sizes[p.kind] {
					t.Errorf("%v: reserved %d, nodes %d", p.kind, *f.ReservedBytes, sizes[p.kind])
				}
				if !(0 < *f.UsedBytes && *f.UsedBytes <= *f.CommittedBytes && *f.CommittedBytes <= *f.ReservedBytes) {
					t.Errorf("%v: used %d, committed %d, reserved %d", p.kind, *f.UsedBytes, *f.CommittedBytes, *f.ReservedBytes)
				}
				// One is rounded to 0.01 MB; some classes were loaded in between.
				near(t, p.kind.String()+" used", *f.UsedBytes, *b.UsedBytes, 32<<10)
				near(t, p.kind.String()+" committed", *f.CommittedBytes, *b.CommittedBytes, 6<<10)
				committed += *f.CommittedBytes
			}
			if strings.HasSuffix(c.dir, "-nmtoff") {
				return
			}
			report, err := nmt.Parse(jvmtest.CaptureText(t, c.sibling("nmt", "summary.txt")))
			if err != nil {
				t.Fatal(err)
			}
			class, _ := report.Category("Class")
			metaspace, _ := report.Category("Metaspace") // none on JDK 11
			near(t, "committed by NMT", committed, class.MmapCommittedBytes+metaspace.MmapCommittedBytes, 0)
		})
	}
}

func near(t *testing.T, what string, got, want, off int64) {
	t.Helper()
	if diff := got - want; diff < -off || diff > off {
		t.Errorf("%s: %d, want %d", what, got, want)
	}
}

// TestMetaspaceScale: "scale=1" gives exact numbers, of the same JVM.
func TestMetaspaceScale(t *testing.T) {
	for _, c := range captures(t, "metaspace_scale_1.txt", 14) {
		exact, err := ParseMetaspaceBasic(jvmtest.CaptureText(t, c.dir+"/metaspace_scale_1.txt"))
		if err != nil {
			t.Fatal(err)
		}
		_, rounded, err := ParseMetaspace(jvmtest.CaptureText(t, c.dir+"/metaspace_vslist.txt.gz"))
		if err != nil {
			t.Fatal(err)
		}
		near(t, c.dir+" committed", *rounded.NonClass.CommittedBytes, *exact.NonClass.CommittedBytes, 0)
		near(t, c.dir+" used", *rounded.NonClass.UsedBytes, *exact.NonClass.UsedBytes, 32<<10)
	}
}

func TestMetaspaceExact(t *testing.T) {
	list, usage, err := ParseMetaspace(jvmtest.CaptureText(t, "testdata/jdk11/z/metaspace_vslist.txt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	want := []ranges.Range{
		{Start: 0x7f3279c00000, End: 0x7f3279e00000, Kind: ranges.Metaspace},
		{Start: 0x7f32b0200000, End: 0x7f32b0400000, Kind: ranges.Metaspace},
		{Start: 0x7f32cca00000, End: 0x7f32cd200000, Kind: ranges.Metaspace},
	}
	if len(list) != 3 || list[0] != want[0] || list[1] != want[1] || list[2] != want[2] {
		t.Errorf("got %x", list)
	}
	if *usage.Loaders != 71 || *usage.Classes != 1597 || usage.SharedClasses != nil || *usage.NonClass.CommittedBytes != 8<<20+2<<20+768<<10 {
		t.Errorf("%d loaders, %d classes", *usage.Loaders, *usage.Classes)
	}

	// A size that is rounded in one place is exact at the node.
	text := jvmtest.CaptureText(t, "testdata/jdk28/z/metaspace_vslist.txt.gz")
	rounded := strings.Replace(text, "896.00 KB ( <1%) committed,  1 nodes", "1.00 MB ( <1%) committed,  1 nodes", 1)
	if _, usage, err := ParseMetaspace(rounded); rounded == text || err != nil || *usage.ClassSpace.CommittedBytes != 896<<10 {
		t.Errorf("class space: %v", err)
	}

	list, usage, err = ParseMetaspace(text)
	if err != nil {
		t.Fatal(err)
	}
	if list[0] != (ranges.Range{Start: 0x1c000000, End: 0x5c000000, Kind: ranges.ClassSpace}) ||
		list[1] != (ranges.Range{Start: 0x7fb650000000, End: 0x7fb654000000, Kind: ranges.Metaspace}) {
		t.Errorf("got %x", list)
	}
	if *usage.NonClass.UsedBytes != (4165-757)<<10 || *usage.ClassSpace.UsedBytes != 757<<10 || *usage.NonClass.CommittedBytes != 3584<<10 || *usage.SharedClasses != 1346 {
		t.Errorf("used %d, class %d", *usage.NonClass.UsedBytes, *usage.ClassSpace.UsedBytes)
	}
}

func TestMetaspaceRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":    "",
		"foreign":  "Unknown diagnostic command\n",
		"nonsense": "Usage:\n  Non-class: x MB used.\n  Class: -3 KB used.\n",
	} {
		if _, err := ParseMetaspaceBasic(text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, _, err := ParseMetaspace(jvmtest.CaptureText(t, "testdata/jdk21/g1/metaspace_basic.txt")); err == nil {
		t.Error("basic: no error for a reply without nodes")
	}
	full := jvmtest.CaptureText(t, "testdata/jdk21/g1/metaspace_vslist.txt.gz")
	// What the chunks in use have committed is not what metaspace has.
	usage, err := ParseMetaspaceBasic(full[:strings.Index(full, "Virtual space:")])
	if err != nil || usage.NonClass.CommittedBytes != nil || usage.NonClass.UsedBytes == nil {
		t.Errorf("cut: %+v, %v", usage, err)
	}
	list, usage, err := ParseMetaspace(full[:strings.Index(full, "vsl class-space:")])
	if err != nil || len(list) != 1 || list[0].Kind != ranges.Metaspace || *usage.ClassSpace.ReservedBytes != 1<<30 {
		t.Errorf("cut: %x, %v", list, err)
	}
}

// FuzzParseMetaspace: nothing is negative, ranges are sorted and disjoint.
func FuzzParseMetaspace(f *testing.F) {
	for _, path := range []string{"jdk11/g1", "jdk11/z", "jdk17/g1", "jdk28/z"} {
		text := jvmtest.CaptureText(f, "testdata/"+path+"/metaspace_vslist.txt.gz")
		f.Add(text[:min(len(text), 2500)])
		f.Add(jvmtest.CaptureText(f, "testdata/"+path+"/metaspace_basic.txt"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, usage, err := ParseMetaspace(text)
		if (err == nil) != (len(list) > 0) {
			t.Fatalf("%x, %v", list, err)
		}
		byKind(t, list)
		values := []*int64{usage.NonClass.UsedBytes, usage.NonClass.CommittedBytes, usage.NonClass.ReservedBytes, usage.Loaders, usage.Classes, usage.SharedClasses}
		if c := usage.ClassSpace; c != nil {
			values = append(values, c.UsedBytes, c.CommittedBytes, c.ReservedBytes)
		}
		for _, v := range values {
			if v != nil && *v < 0 {
				t.Fatalf("negative %d", *v)
			}
		}
	})
}
