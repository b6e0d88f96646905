package performance

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/e2e/performance/report"
)

// table has a row for each way to sample a JVM, with ratios to one full sample.
func table(all costs) *report.Table {
	out := &report.Table{Head: []string{"", "wall ms", "ratio", "CPU ms", "ratio", "JVM CPU ms", "allocations", "peak MiB"}}
	full := all.of(fullSample)
	for _, of := range all {
		row := []string{
			of.name, number(of.wall), ratio(of.wall, full.wall), number(of.cpu), ratio(of.cpu, full.cpu), number(of.jvm), "", "",
		}
		if len(of.allocations) > 0 {
			row[6] = fmt.Sprintf("%s (%s kB)", report.Number(report.Median(of.allocations)), report.Number(report.Median(of.allocatedBytes)/1000))
		}
		if of.peakMiB > 0 {
			row[7] = report.Number(of.peakMiB)
		}
		out.Add(row...)
	}
	return out
}

func number(values []float64) string { return report.Number(report.Median(values)) }

func ratio(values, to []float64) string {
	return report.Number(report.Median(values) / report.Median(to))
}

// goals compares the measurements with the goals.
func goals(all map[cell]costs, path, latest *jdk) *report.Table {
	out := &report.Table{Head: []string{"goal", "measured", ""}}
	add := func(goal string, measured float64, most float64, how string) {
		out.Add(goal, fmt.Sprintf(how, report.Number(measured)), report.Met(measured <= most))
	}
	for _, d := range []*jdk{path, latest} {
		if d == nil {
			continue
		}
		of := all[base(d)].of
		full, jcmd := report.Median(of(fullSample).cpu), report.Median(of(jcmdNMT).cpu)
		add(fmt.Sprintf("full sample, 200 threads: CPU at most 1/200 of `jcmd`, JDK %s", d.name), full/jcmd*200, 1,
			fmt.Sprintf("1/%s, %%s times the goal", report.Number(jcmd/full)))
		counted := report.Median(of(countSample).cpu)
		add("same, if pages are counted in every sample", counted/jcmd*200, 1,
			fmt.Sprintf("1/%s, %%s times the goal", report.Number(jcmd/counted)))
		nmt, answer := report.Median(of(nmtAttach).wall), report.Median(of(bareRequest).wall)
		add(fmt.Sprintf("NMT over attach: wall time at most 1.5 times a bare request, JDK %s", d.name), nmt/answer, 1.5, "%s times")
	}
	large := all[cell{path, 200, 4096, 0}]
	small := large.of(smallReading)
	add("light reading: CPU with 4 GiB of heap, at most 1.2 times that with 64 MiB", report.Median(large.of(lightReading).cpu)/report.Median(small.cpu), 1.2, "%s times")
	const background = 0.01 // allocations of the Go runtime in hundreds of runs
	add("light reading: no allocation", report.Median(small.allocations), background, "%s")
	return out
}

// counts describes the size of a JVM: mappings and resident memory.
func counts(t *testing.T, pid int) string {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d mappings, %.0f MiB resident", strings.Count(string(maps), "\n"), statusMiB(t, pid, "VmRSS"))
}

// statusMiB reads a size from /proc/<pid>/status.
func statusMiB(t *testing.T, pid int, name string) float64 {
	t.Helper()
	return fileMiB(t, filepath.Join("/proc", strconv.Itoa(pid), "status"), name)
}

// fileMiB reads a line "Name: 1234 kB".
func fileMiB(t *testing.T, path, name string) float64 {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib / 1024
		}
	}
	t.Fatalf("%s has no %s", path, name)
	return 0
}
