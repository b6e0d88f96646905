package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/e2e/performance/report"
	"github.com/jvmem/jvmem/e2e/result"
)

const head = "`make e2e-arm64 PAGES=4,16,64` writes this. The same steps on arm64 in QEMU, cgroup v2, with G1 and the binary of the arm64 image; within\n" +
	"5 % + 4 MiB where jvmem cannot attach. There the row `gc` is unknown. Each cell has the largest error of any row / largest unattributed\n" +
	"size, in MiB. The kernel charges 64 pages for each CPU in advance, which is 1 MiB with pages of 16 KiB, and 4 MiB\n" +
	"with 64 KiB. `direct` and `unsafe` are blocks of 1 MiB, each of which has up to a page more. Linux 7.2 needs 10 KiB for each of 256\n" +
	"pipes beside the 64 KiB that they hold.\n\n"

// write writes the section of the document.
func write(path string, all []result.Result) error {
	all = slices.DeleteFunc(slices.Clone(all), func(r result.Result) bool { return !r.Passed })
	return report.Write(path, "arm64", head+modes(all)+"\nError of the row that had to grow, the largest over all modes, in MiB:\n\n"+commands(all))
}

// columns returns the heads of the columns: the size of pages and the kernel.
func columns(all []result.Result) (heads []string) {
	for _, r := range all {
		if h := column(r.Cell); !slices.Contains(heads, h) {
			heads = append(heads, h)
		}
	}
	return heads
}

func column(c *result.Cell) string { return c.Engine + " (Linux " + c.Kernel + ")" }

// modes is the table of the sources that jvmem had.
func modes(all []result.Result) string {
	heads := columns(all)
	table := report.Table{Head: append([]string{"JDK", "sources"}, heads...)}
	cells := make(map[string][]string)
	var lines []string
	for i, r := range all {
		key := r.Cell.Version + "|" + r.Cell.Setting
		if cells[key] == nil {
			cells[key] = make([]string, len(heads))
			lines = append(lines, key)
		}
		cells[key][slices.Index(heads, column(r.Cell))] = all[i].Text()
	}
	for _, key := range lines {
		version, sources, _ := strings.Cut(key, "|")
		table.Add(append([]string{version, sources}, cells[key]...)...)
	}
	return table.String()
}

// commands is the table of the kinds of memory.
func commands(all []result.Result) string {
	heads := columns(all)
	table := report.Table{Head: append([]string{"command", "row"}, heads...)}
	type line struct{ command, row string }
	errors := make(map[line][]int64)
	var lines []line
	for _, r := range all {
		for _, s := range r.Steps {
			if s.Want <= 0 {
				continue
			}
			l := line{s.Command, s.Row}
			if errors[l] == nil {
				errors[l] = make([]int64, len(heads))
				lines = append(lines, l)
			}
			error := &errors[l][slices.Index(heads, column(r.Cell))]
			*error = max(*error, s.Error())
		}
	}
	for _, l := range lines {
		cells := []string{fmt.Sprintf("`%s`", l.command), fmt.Sprintf("`%s`", l.row)}
		for _, e := range errors[l] {
			cells = append(cells, result.InMiB(e))
		}
		table.Add(cells...)
	}
	return table.String()
}
