package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// replace writes a file of an open fixture; no text removes it.
func replace(g *Group, file, text string) error {
	path := filepath.Join(g.name, file)
	if text == "" {
		return os.Remove(path)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

func seeds(f *testing.F, pattern string) {
	f.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		f.Fatal(pattern, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b), len(b)/2)
	}
}

// Every value stands in the input as a whole line, and a cut input gives no
// value that the whole does not give.
func FuzzFlat(f *testing.F) {
	seeds(f, "testdata/v?-*-oom/memory.stat")
	seeds(f, "testdata/v1-*-oom/memory.oom_control")
	f.Add("a 1\na 2\nb -3\nc 9223372036854775808\nd 4\n e 5\nf  6\ng 7 8\n", 2)
	f.Fuzz(func(t *testing.T, s string, cut int) {
		values := valuesOf(s)
		for key, n := range values {
			if n < 0 || key == "" || !hasLine(s, key, n) {
				t.Errorf("%q = %d is not in %q", key, n, s)
			}
		}
		if cut < 0 || cut > len(s) {
			return
		}
		for key, n := range valuesOf(s[:cut]) {
			if whole, ok := values[key]; !ok || whole != n {
				t.Errorf("%q is %d in the first %d bytes, %d in all", key, n, cut, whole)
			}
		}
	})
}

func hasLine(s, key string, n int64) bool {
	for line := range strings.Lines(s) {
		k, v, _ := strings.Cut(line, " ")
		if k == key && strings.TrimLeft(v, "0") == strings.TrimLeft(fmt.Sprintf("%d\n", n), "0") {
			return true
		}
	}
	return false
}

func FuzzLimit(f *testing.F) {
	for _, s := range []string{"max", "0", "67108864", "9223372036854771712", "9223372036854710272", "9223372036854710271", "18446744073709551615", "-1", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseLimit(s)
		if err != nil && n != nil {
			t.Errorf("%q: limit %d and error %v", s, *n, err)
		}
		if err == nil && n == nil && s != "max" && len(strings.TrimLeft(s, "0")) < 19 {
			t.Errorf("%q is no limit", s)
		}
		if n != nil && (*n < 0 || *n >= noLimitV1 || fmt.Sprint(*n) != strings.TrimLeft(s[:len(s)-1], "0")+s[len(s)-1:]) {
			t.Errorf("%q = %d", s, *n)
		}
	})
}

func TestFlat(t *testing.T) {
	got := valuesOf("a 1\na 2\nb -3\nc 9223372036854775808\nd 9223372036854775807\n\nf  6\ng 7 8\nh\ni 9")
	if want := "map[a:1 d:9223372036854775807]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// valuesOf looks up every key.
func valuesOf(s string) map[string]int64 {
	values := make(map[string]int64)
	for line := range strings.Lines(s) {
		key, _, _ := strings.Cut(line, " ")
		if n, ok := flat(s).find(key); ok && key != "" {
			values[key] = n
		}
	}
	return values
}
