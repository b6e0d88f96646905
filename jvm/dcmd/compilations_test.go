package dcmd

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestCompilationCaptures: the compilations are sorted by what they used, as the JVM prints them.
func TestCompilationCaptures(t *testing.T) {
	for _, c := range captures(t, "compiler_memory.txt.gz", 2) {
		t.Run(c.dir, func(t *testing.T) {
			all, err := ParseCompilations(jvmtest.CaptureText(t, c.dir+"/compiler_memory.txt.gz"), 1000)
			if err != nil || len(all) != 64 {
				t.Fatalf("%d compilations, %v", len(all), err)
			}
			if !slices.IsSortedFunc(all, func(x, y Compilation) int { return int(y.PeakBytes - x.PeakBytes) }) {
				t.Errorf("not sorted: %+v", all)
			}
			if c := all[0]; c.Compiler != "c2" || c.Method != "java.util.Formatter.format" || c.PeakBytes < 4<<20 || c.PeakBytes > 8<<20 || c.Result != "ok" {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestCompilationForms(t *testing.T) {
	const old = "total     NA        RA        result  #nodes  limit   time    type  #rc thread              method\n"
	want := Compilation{"c2", "Comp.main", 1024, "oom"}
	for name, c := range map[string]struct {
		text string
		want []Compilation
	}{
		"JDK 24":     {"Legend:\n      total: memory\n" + old + "1024      0         1024      oom     12      1024M   0.1     c2    1   0x0000000000000001  Comp::main(([I)V) \n", []Compilation{want}},
		"JDK 25":     {"ctyp  total     type     #nodes  result  limit     time    id    thread             method\nc2 1024 9 1 oom - 0.1 3 0x01 Comp::main(([I)V)\nTotal: 1 (C1: 0, C2: 1)\n", []Compilation{want}},
		"no result":  {old + "1024      0         1024      12      -   0.1     c2    1   0x0000000000000001  Comp::main(([I)V)\n", nil},
		"cut":        {old + "1024      0         1024      oom     12      -   0.1     c2    1   0x0000000000000001  Comp::ma", nil},
		"no number":  {old + "-1      0         1024      oom     12      -   0.1     c2    1   0x0000000000000001  Comp::main(([I)V)\n", nil},
		"no program": {old, nil},
	} {
		if got, err := ParseCompilations(c.text, 5); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := ParseCompilations("Compilation memory statistics disabled.\n", 5); !errors.Is(err, ErrNotCollected) {
		t.Error(err)
	}
	if _, err := ParseCompilations("total type\n", 5); err == nil || errors.Is(err, ErrNotCollected) {
		t.Error(err)
	}
}

func FuzzParseCompilations(f *testing.F) {
	for _, jdk := range []string{"25", "28"} {
		f.Add(jvmtest.CaptureText(f, "testdata/jdk"+jdk+"/memstat/compiler_memory.txt.gz")[:2000])
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ParseCompilations(text, 5)
		if len(all) > 5 || err != nil && all != nil {
			t.Fatalf("%+v, %v", all, err)
		}
		for _, c := range all {
			if c.PeakBytes < 0 || strings.ContainsAny(c.Method, " \n") {
				t.Fatalf("%+v", c)
			}
		}
	})
}
