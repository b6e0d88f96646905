package proc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

func TestParseStat(t *testing.T) {
	for dir, want := range map[string]uint64{
		"testdata/jdk8/g1/": 748537, "testdata/jdk17/g1/": 762259, "testdata/jdk25/g1/": 774776, "testdata/jdk28/g1/": 800669,
	} {
		stat := jvmtest.CaptureText(t, dir+"stat.txt")
		if !strings.Contains(stat, "(java)") {
			t.Fatalf("%s: %s", dir, stat)
		}
		for _, name := range []string{"java", "a) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20", "a) Z 1 (b", "))) (", "", "a\nb"} {
			odd := strings.Replace(stat, "(java)", "("+name+")", 1)
			if s, err := ParseStat(strings.NewReader(odd)); err != nil || s.StartTicks != want || s.State != 'S' || s.StackStart == 0 {
				t.Errorf("%s, name %q: %+v, %v; want S, %d", dir, name, s, err, want)
			}
		}
		for cut := range stat {
			if s, err := ParseStat(strings.NewReader(stat[:cut])); err == nil {
				t.Fatalf("cut at %d: %+v and no error", cut, s)
			}
		}
	}
	const rest = " S 12270 12203 12202 0 -1 4194560 55861 0 0 0 64 15 0 0 30 10 33 0 762259\n"
	if s, err := ParseStat(strings.NewReader("1 (java)" + rest)); err != nil || s.StartTicks != 762259 || s.State != 'S' {
		t.Errorf("as few fields as are needed: %+v, %v", s, err)
	}
	for name, stat := range map[string]string{
		"empty":              "",
		"no name":            "1 java" + rest,
		"no parentheses":     "1 S" + rest,
		"few fields":         "1 (java) S\n",
		"some fields":        "1 (java) S 0 1 2 3\n",
		"one field less":     "1 (java)" + strings.Replace(rest, " 762259", "", 1),
		"no number":          "1 (java)" + strings.Replace(rest, "762259", "x", 1),
		"negative":           "1 (java)" + strings.Replace(rest, "762259", "-1", 1),
		"a long state":       "1 (java)" + strings.Replace(rest, "S", "SS", 1),
		"cut in the number":  "1 (java)" + rest[:len(rest)-3],
		"cut after it":       "1 (java)" + rest[:len(rest)-1],
		"longer than it may": "1 (java)" + rest[:len(rest)-1] + strings.Repeat(" 0", maxStatBytes/2) + "\n",
	} {
		if s, err := ParseStat(strings.NewReader(stat)); err == nil {
			t.Errorf("%s: no error, %+v", name, s)
		}
	}
}

// The start time comes back whatever the process calls itself.
func FuzzParseStat(f *testing.F) {
	f.Add("java", uint64(762259))
	f.Add(") S 1 2 (", uint64(0))
	f.Fuzz(func(t *testing.T, name string, want uint64) {
		name = name[:min(len(name), maxStatBytes/2)]
		stat := fmt.Sprintf("1 (%s) R 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 %d 23 24\n", name, want)
		if s, err := ParseStat(strings.NewReader(stat)); err != nil || s.StartTicks != want || s.State != 'R' {
			t.Fatalf("got %+v, %v from %q", s, err, stat)
		}
	})
}
