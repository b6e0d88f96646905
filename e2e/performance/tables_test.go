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

// table has a row for each look at a JVM. Ratios are to one full sample.
func table(all costs) *report.Table {
	out := &report.Table{Head: []string{"", "wall ms", "times", "CPU ms", "times", "in the JVM, CPU ms", "allocations", "MiB"}}
	full := all.of(fullLook)
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

// goals compares with what issue 6 asks for.
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
		full, jcmd := report.Median(of(fullLook).cpu), report.Median(of(jcmdLook).cpu)
		add(fmt.Sprintf("CPU of a full sample beside 200 threads: at most 1/200 of one `jcmd` of JDK %s", d.name), full/jcmd*200, 1,
			fmt.Sprintf("1/%s, %%s times that", report.Number(jcmd/full)))
		counted := report.Median(of(countLook).cpu)
		add("the same where memory moves all the time, so that the pages are counted in each", counted/jcmd*200, 1,
			fmt.Sprintf("1/%s, %%s times that", report.Number(jcmd/counted)))
		nmt, answer := report.Median(of(nmtLook).wall), report.Median(of(answerLook).wall)
		add(fmt.Sprintf("NMT over attach: at most 1.5 times what JDK %s takes to answer (wall)", d.name), nmt/answer, 1.5, "%s times")
	}
	large := all[cell{path, 200, 4096, 0}]
	small := large.of(smallLook)
	add("cheap sample: CPU beside 4 GiB of heap as beside 64 MiB (at most 1.2 times)", report.Median(large.of(cheapLook).cpu)/report.Median(small.cpu), 1.2, "%s times")
	const background = 0.01 // of the runtime itself, in hundreds of repeats
	add("cheap sample: no allocation", report.Median(small.allocations), background, "%s")
	return out
}

// counts says how large a JVM is to the kernel.
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
