package performance

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/e2e/performance/report"
)

const (
	// shown is the number of lines of a table; the others are summed up in one line.
	shown = 12
	// binaryGoalMB is the allowed size of the binary.
	binaryGoalMB = 14
)

// TestBinary measures the parts of the binary and its initialization before main.
func TestBinary(t *testing.T) {
	info, err := os.Stat(*binary)
	if err != nil {
		t.Fatal(err)
	}
	size := float64(info.Size()) / 1e6
	milliseconds, kilobytes := initTrace(t)
	starts := &report.Table{Head: []string{"package", "ms", "kB"}}
	top(milliseconds, func(name string, ms float64, names []string) {
		kb := 0.0
		for _, name := range names {
			kb += kilobytes[name]
		}
		starts.Add(name, report.Number(ms), report.Number(kb))
	})
	modules := &report.Table{Head: []string{"part", "kB"}}
	top(partBytes(t), func(name string, bytes float64, _ []string) { modules.Add(name, report.Number(bytes/1000)) })
	write(t, "binary", fmt.Sprintf("%s\n\n`bin/jvmem` has %s MB (goal %d: %s), by module:\n\n%s\nInitialization before `main` (`GODEBUG=inittrace=1 jvmem version`), %s ms in total:\n\n%s",
		machine(t), report.Number(size), binaryGoalMB, report.Met(size <= binaryGoalMB), modules, report.Number(total(milliseconds)), starts))
}

// initTrace returns the time and the allocations of initializing each package.
//
//	init internal/bytealg @0.008 ms, 0.001 ms clock, 16 bytes, 1 allocs
func initTrace(t *testing.T) (milliseconds, kilobytes map[string]float64) {
	t.Helper()
	cmd := exec.Command(*binary, "version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	milliseconds, kilobytes = map[string]float64{}, map[string]float64{}
	for _, of := range regexp.MustCompile(`(?m)^init (\S+) @\S+ ms, (\S+) ms clock, (\d+) bytes`).FindAllStringSubmatch(stderr.String(), -1) {
		milliseconds[of[1]], kilobytes[of[1]] = parse(t, of[2]), parse(t, of[3])/1000
	}
	if len(milliseconds) == 0 {
		t.Fatalf("no trace: %s", stderr.String())
	}
	return milliseconds, kilobytes
}

// partBytes returns the size of each module in the binary by its symbols. The binary is
// stripped, so it is built again with symbols.
func partBytes(t *testing.T) map[string]float64 {
	t.Helper()
	whole := filepath.Join(t.TempDir(), "jvmem")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", whole, "./cmd/jvmem")
	build.Dir, build.Env = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := buildinfo.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	modules := []string{info.Main.Path}
	for _, m := range info.Deps {
		modules = append(modules, m.Path)
	}
	file, err := elf.Open(whole)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	parts := make(map[string]float64)
	for _, s := range symbols {
		if int(s.Section) < len(file.Sections) && inFile(file.Sections[s.Section]) && file.Sections[s.Section].Name != stackTables {
			parts[moduleOf(modules, s.Name)] += float64(s.Size)
		}
	}
	named := total(parts)
	for _, section := range file.Sections {
		if inFile(section) && section.Name == stackTables {
			parts["Go's tables for stack traces"] = float64(section.Size)
		} else if inFile(section) {
			named -= float64(section.Size)
		}
	}
	parts["without a symbol"] = -named
	return parts
}

const stackTables = ".gopclntab"

// inFile reports whether a section is loaded and has bytes in the file, unlike zeroed
// memory and debug information.
func inFile(s *elf.Section) bool { return s.Flags&elf.SHF_ALLOC != 0 && s.Type != elf.SHT_NOBITS }

// moduleOf returns the module of a symbol: the one with the longest path that is a prefix
// of it.
func moduleOf(modules []string, symbol string) string {
	best := ""
	for _, m := range modules {
		if rest, ok := strings.CutPrefix(symbol, m); ok && len(m) > len(best) && (strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, ".")) {
			best = m
		}
	}
	if best != "" {
		return best
	}
	if strings.HasPrefix(symbol, "main.") {
		return modules[0]
	}
	name, _, _ := strings.Cut(symbol, "[") // type arguments
	path, _, found := strings.Cut(name, ".")
	first, _, _ := strings.Cut(path, "/")
	switch {
	case strings.HasPrefix(symbol, "type:"), strings.HasPrefix(symbol, "go:"), strings.HasPrefix(symbol, "runtime"):
		return "Go's runtime and type information"
	case !found: // assembly, a constant
		return "standard library: other"
	}
	return "standard library: " + first
}

// top calls show for each of the largest values and once for the sum of the others.
func top(values map[string]float64, show func(name string, value float64, names []string)) {
	names := slices.SortedFunc(maps.Keys(values), func(a, b string) int {
		return cmp.Or(cmp.Compare(values[b], values[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		if i == shown {
			rest := 0.0
			for _, name := range names[i:] {
				rest += values[name]
			}
			show(fmt.Sprintf("%d others", len(names)-i), rest, names[i:])
			return
		}
		show(name, values[name], names[i:i+1])
	}
}

func total(values map[string]float64) (sum float64) {
	for _, v := range values {
		sum += v
	}
	return sum
}

func parse(t *testing.T, text string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}
