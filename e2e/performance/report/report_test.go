package report

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "document.md")
	const before = "# Cost\n\n<!-- samples: written by make bench -->\nold\n<!-- /samples -->\n\nkept\n<!-- soak: written by make soak -->\n<!-- /soak -->\n"
	if err := os.WriteFile(path, []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time over what the first has written
		for section, text := range map[string]string{"samples": "new\nlines\n", "soak": "flat"} {
			if err := Write(path, section, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := os.ReadFile(path)
	want := "# Cost\n\n<!-- samples: written by make bench -->\n\nnew\nlines\n\n<!-- /samples -->\n\nkept\n<!-- soak: written by make soak -->\n\nflat\n\n<!-- /soak -->\n"
	if err != nil || string(got) != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
	}
	for _, section := range []string{"sample", "absent"} {
		if err := Write(path, section, "x"); err == nil || !strings.Contains(err.Error(), section) {
			t.Errorf("section %q: %v", section, err)
		}
	}
}

func TestTable(t *testing.T) {
	table := Table{Head: []string{"way", "wall ms"}}
	table.Add("ä", "1.2")
	table.Add("b")
	const want = "" +
		"| way | wall ms |\n" +
		"| --- | ------: |\n" +
		"| ä   |     1.2 |\n" +
		"| b   |         |\n"
	if got := table.String(); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 1: "1", 0.00123456: "0.00123", 1.2345: "1.23", 12.34: "12.3", 999.6: "1,000", 1234567: "1,230,000", -0.5: "-0.5", -1234: "-1,230", 100: "100",
	} {
		if got := Number(x); got != want {
			t.Errorf("%v: %s, want %s", x, got, want)
		}
	}
}

func TestStatistics(t *testing.T) {
	for _, test := range []struct {
		y             []float64
		median, slope float64
	}{
		{[]float64{1, 2, 3, 4}, 2.5, 1},
		{[]float64{5, 5, 500, 5, 5}, 5, 0},
		{[]float64{10, 8, 6, 100, 2}, 8, -2},
		{[]float64{3}, 3, math.NaN()},
		{nil, math.NaN(), math.NaN()},
	} {
		x := []float64{0, 1, 2, 3, 4}[:len(test.y)]
		median, slope := Median(test.y), Slope(x, test.y)
		same := func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
		if !same(median, test.median) || !same(slope, test.slope) {
			t.Errorf("%v: median %v, slope %v; want %v, %v", test.y, median, slope, test.median, test.slope)
		}
	}
}

func TestMachine(t *testing.T) {
	text, err := Machine("17.0.15", "28")
	if err != nil || !strings.Contains(text, "JDK 17.0.15 and 28") {
		t.Errorf("%q, %v", text, err)
	}
	const cpuinfo = "processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\nflags\t\t: fpu hypervisor lahf_lm\n"
	if model(cpuinfo) != "Some CPU @ 3 GHz" || guest(cpuinfo) == "" {
		t.Errorf("%q, %q", model(cpuinfo), guest(cpuinfo))
	}
}
