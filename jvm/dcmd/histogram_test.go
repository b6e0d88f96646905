package dcmd

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestHistogramCaptures: the classes add up to the JVM's own total, and what the
// captured program holds is there: 20 MiB of byte[], 5000 maps.
func TestHistogramCaptures(t *testing.T) {
	for _, c := range captures(t, "class_histogram.txt.gz", 9) {
		t.Run(c.dir, func(t *testing.T) {
			text := jvmtest.CaptureText(t, c.dir+"/class_histogram.txt.gz")
			h, err := ParseHistogram(text, math.MaxInt)
			if err != nil {
				t.Fatal(err)
			}
			var sum ClassCount
			for _, class := range h.Classes {
				sum.Instances += class.Instances
				sum.Bytes += class.Bytes
			}
			if h.Total == nil || *h.Total != sum {
				t.Errorf("sum %+v, total %+v", sum, h.Total)
			}
			if top := h.Classes[0]; top.Name != "[B" || top.Bytes < 20<<20 || top.Bytes > 22<<20 {
				t.Errorf("%+v", top)
			}
			if i := slices.IndexFunc(h.Classes, func(c ClassCount) bool { return c.Name == "java.util.HashMap" }); i < 0 || h.Classes[i].Instances < 5000 {
				t.Errorf("HashMap is row %d", i)
			}

			first, err := ParseHistogram(text, 5)
			if err != nil || !slices.Equal(first.Classes, h.Classes[:5]) || *first.Total != sum {
				t.Errorf("first rows: %+v, %v", first, err)
			}
			if cut, err := ParseHistogram(text[:len(text)/2], 5); err != nil || !slices.Equal(cut.Classes, first.Classes) || cut.Total != nil {
				t.Errorf("cut: %+v, %v", cut, err)
			}
		})
	}
}

func TestHistogramForms(t *testing.T) {
	const row, total = "   1:          9323       21349848  [B (java.base@28-ea)\n", "Total         38046       22751952\n"
	want := ClassCount{"[B", 9323, 21349848}
	for name, c := range map[string]struct {
		text         string
		known, total bool
	}{
		"whole":            {row + total, true, true},
		"total cut":        {row + total[:len(total)-1], true, false},
		"second cut":       {row + row[:len(row)-20], true, false},
		"before JDK 9":     {strings.Replace(row, " (java.base@28-ea)", "", 1) + total, true, true},
		"no number":        {row + strings.Replace(row, "9323", "?", 1) + total, true, true},
		"no rank":          {row + strings.Replace(row, "1:", "x:", 1), true, false},
		"class like Total": {"Total 1 2 a.Total\n" + row, true, false},
		"negative":         {row + strings.Replace(row, " 9323", "-9323", 1), true, false},
		"empty":            {"", false, false},
		"foreign":          {"Unknown diagnostic command\n", false, false},
		"total alone":      {total, false, false},
	} {
		h, err := ParseHistogram(c.text, 9)
		if (err == nil) != c.known || c.known && (len(h.Classes) != 1 || h.Classes[0] != want) || (h.Total != nil) != c.total {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}

// FuzzParseHistogram: nothing is negative, and fewer rows are the first of more.
func FuzzParseHistogram(f *testing.F) {
	for _, c := range captures(f, "class_histogram.txt.gz", 9) {
		f.Add(jvmtest.CaptureText(f, c.dir+"/class_histogram.txt.gz")[:2<<10], 3)
	}
	f.Fuzz(func(t *testing.T, text string, rows int) {
		all, err := ParseHistogram(text, math.MaxInt)
		if (err == nil) != (len(all.Classes) > 0) {
			t.Fatalf("%+v, %v", all, err)
		}
		for _, c := range all.Classes {
			if c.Name == "" || c.Instances < 0 || c.Bytes < 0 {
				t.Fatalf("%+v", c)
			}
		}
		rows = max(1, min(rows, len(all.Classes)))
		if few, err := ParseHistogram(text, rows); err == nil && !slices.Equal(few.Classes, all.Classes[:rows]) {
			t.Fatalf("%+v, all %+v", few, all)
		}
	})
}
