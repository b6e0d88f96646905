package performance

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"

	"github.com/jvmem/jvmem/e2e/performance/report"
)

// TestCaptures makes two tables of the output of Go's benchmarks: one of evidence, which
// reports other units, and one of the rest.
func TestCaptures(t *testing.T) {
	file, err := os.Open(*benchmarks)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	code := &report.Table{Head: []string{"", "time", "MB/s", "allocations", "kB", "CPU ms", "JVM CPU ms"}}
	evidence := &report.Table{Head: []string{"", "wall ms", "stopped ms", "longest stop ms", "JVM CPU ms", "JVM grew in total, KiB"}}
	lines := benchfmt.NewReader(file, *benchmarks)
	for lines.Scan() {
		r, ok := lines.Result().(*benchfmt.Result)
		if !ok {
			continue // not a benchmark
		}
		value := func(unit string, scale float64) string {
			x, ok := r.Value(unit)
			if !ok {
				return ""
			}
			return report.Number(x * scale)
		}
		name := strings.TrimSuffix(r.Name.String(), fmt.Sprint("-", benchmarkCPUs(r)))
		if topic, ok := strings.CutPrefix(name, "Evidence/"); ok {
			evidence.Add(strings.ReplaceAll(topic, "_", " "), value("sec/op", 1000), value("stopped-ms/op", 1), value("longest-ms", 1), value("jvm-ms/op", 1), value("grown-KiB", 1))
			continue
		}
		seconds, _ := r.Value("sec/op")
		folder := strings.TrimPrefix(r.GetConfig("pkg"), "github.com/jvmem/jvmem/")
		code.Add(fmt.Sprintf("%s `%s`", folder, name), duration(seconds), value("B/s", 1e-6), value("allocs/op", 1), value("B/op", 1e-3), cmp.Or(value("cpu-ms/op", 1), value("cpu-µs/op", 1e-3)), value("jvm-ms/op", 1))
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(code.Rows) == 0 || len(evidence.Rows) == 0 {
		t.Fatalf("%s has %d benchmarks and %d of evidence", *benchmarks, len(code.Rows), len(evidence.Rows))
	}
	write(t, "captures", machine(t)+"\n\n"+code.String())
	write(t, "evidence", machine(t)+"\n\n"+evidence.String())
}

// benchmarkCPUs returns the number at the end of a benchmark's name, 0 if there is none.
func benchmarkCPUs(r *benchfmt.Result) (n int) {
	_, parts := r.Name.Parts()
	if len(parts) > 0 {
		_, _ = fmt.Sscanf(string(parts[len(parts)-1]), "-%d", &n) // other parts have none
	}
	return n
}

func duration(seconds float64) string {
	switch {
	case seconds < 1e-6:
		return report.Number(seconds*1e9) + " ns"
	case seconds < 1e-3:
		return report.Number(seconds*1e6) + " µs"
	}
	return report.Number(seconds*1e3) + " ms"
}
