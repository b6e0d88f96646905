package owners

import (
	"debug/elf"
	"os"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/elfimage"
)

// TestSymbols reads the symbols of a library as it lies in its file: those are where the
// dynamic linker finds them, too, where file and memory have the same layout.
func TestSymbols(t *testing.T) {
	file, err := elf.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil || !strings.Contains(string(maps), "[vdso]") {
		t.Fatal("no vdso", err)
	}
	var base uint64
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "[vdso]") {
			base = hex(line)
		}
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	m := newMemory(mem, fakeMemory{}, DefaultBudget())
	l := &library{base: base}
	i := l.read(m)
	if i.count < 4 || l.end(m) <= base {
		t.Fatalf("%+v", i)
	}
	names := map[string]bool{}
	for at := base; at < l.end(m); at += 16 {
		names[l.symbol(m, at)] = true
	}
	if !names["__vdso_clock_gettime"] && !names["clock_gettime"] && !names["__kernel_clock_gettime"] {
		t.Errorf("%v", names)
	}
}

func hex(line string) (n uint64) {
	for _, c := range []byte(line) {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default:
			return n
		}
	}
	return n
}

func FuzzImage(f *testing.F) {
	if text, err := os.ReadFile("/proc/self/exe"); err == nil {
		f.Add(text[:min(len(text), 4096)], uint64(64))
	}
	f.Fuzz(func(t *testing.T, text []byte, at uint64) {
		const base = 0x10000
		m := fakeMemory{base: text}.open(1 << 12)
		l := &library{base: base}
		i := l.read(m)
		if i.count > maxSymbols || i.End-i.Start > elfimage.MaxBytes {
			t.Errorf("%+v", i)
		}
		if name := l.symbol(m, base+at%(1<<20)); len(name) > maxNameBytes || strings.ContainsAny(name, "\n\x1b\x00") {
			t.Errorf("%q", name)
		}
	})
}
