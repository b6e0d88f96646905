package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/e2e/performance/report"
	"github.com/jvmem/jvmem/e2e/result"
)

const accuracyHead = "`make accuracy`" + ` writes this from test runs. In each cell, a JVM in a container grows one kind of memory after the other by a
known amount and frees it again. Each step checks that the rows add up to the usage that the kernel reports, that the right row grew by
the amount within 2 % + 1 MiB (4 % + 1 MiB with NMT off), that no other row grew by more than 2 MiB, and that at least 80 % of freed
memory is no longer in use. The amounts are what the workload wrote, or what the pools of the JVM and glibc report; none comes from
jvmem. A cell without numbers was not run or failed.
`

// writeAccuracy writes the section of the document from all results.
func writeAccuracy(path string, all []result.Result) error {
	all = slices.DeleteFunc(slices.Clone(all), func(r result.Result) bool { return !r.Passed })
	var doc strings.Builder
	doc.WriteString(accuracyHead)
	for version := 1; version <= 2; version++ {
		writeMatrix(&doc, version, all)
	}
	writeKinds(&doc, all)
	writeFreed(&doc, all)
	writeSettings(&doc, all)
	writeScenarios(&doc, all)
	return report.Write(path, "containers", doc.String())
}

// row writes a row of a table.
func row(doc *strings.Builder, cells ...string) {
	doc.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func head(doc *strings.Builder, cells ...string) {
	row(doc, cells...)
	doc.WriteString(strings.Repeat("|---", len(cells)) + "|\n")
}

func writeMatrix(doc *strings.Builder, version int, all []result.Result) {
	type line struct{ jdk, version, collector string }
	cells := make(map[line]map[string]string)
	var lines []line
	var where string
	for i, r := range all {
		if r.Cell == nil || r.Cell.CgroupVersion != version || r.Cell.Setting != "" {
			continue
		}
		engine := r.Cell.Engine
		if where == "" {
			where = fmt.Sprintf("Linux %s, %s", r.Cell.Kernel, engine)
		} else if !strings.HasSuffix(where, engine) {
			continue // other engines run only a part
		}
		l := line{r.Cell.JDK, r.Cell.Version, r.Cell.Collector}
		if cells[l] == nil {
			cells[l] = make(map[string]string)
			lines = append(lines, l)
		}
		cells[l][r.Cell.NMT] = all[i].Text()
	}
	fmt.Fprintf(doc, "\n## Cgroup v%d (%s)\n\nLargest error of any row / largest unattributed size, in MiB (-: a row is unknown, as `gc` on JDK 8 without NMT detail).\n\n", version, where)
	head(doc, "JDK", "collector", "NMT off", "NMT summary", "NMT detail")
	for _, l := range lines {
		row(doc, l.jdk+" ("+l.version+")", l.collector, cells[l]["off"], cells[l]["summary"], cells[l]["detail"])
	}
}

// writeKinds writes the error of each kind of memory over all cells.
func writeKinds(doc *strings.Builder, all []result.Result) {
	type kind struct{ command, row string }
	errors := make(map[kind]*[3][]int64) // by version
	var kinds []kind
	for _, r := range all {
		if r.Cell == nil || r.Cell.Setting != "" {
			continue
		}
		for _, s := range r.Steps {
			if s.Want <= 0 {
				continue
			}
			k := kind{s.Command, s.Row}
			if errors[k] == nil {
				errors[k] = new([3][]int64)
				kinds = append(kinds, k)
			}
			of := &errors[k][r.Cell.CgroupVersion]
			*of = append(*of, s.Error())
		}
	}
	doc.WriteString("\n## By kind of memory\n\nError of the row that had to grow over all cells above, in MiB: median, largest. Package jvmtest documents the commands.\n\n")
	head(doc, "command", "row", "v1", "v2")
	for _, k := range kinds {
		row(doc, "`"+k.command+"`", "`"+k.row+"`", spread(errors[k][1]), spread(errors[k][2]))
	}
}

func spread(errors []int64) string {
	if len(errors) == 0 {
		return "-"
	}
	slices.Sort(errors)
	return result.InMiB(errors[len(errors)/2]) + ", " + result.InMiB(errors[len(errors)-1])
}

func writeFreed(doc *strings.Builder, all []result.Result) {
	least := make(map[string]float64)
	cells := make(map[string]int)
	for _, r := range all {
		if r.Cell == nil || r.Cell.Setting != "" {
			continue
		}
		for _, s := range r.Steps {
			if s.Want >= 0 {
				continue
			}
			share := float64(s.Got) / float64(s.Want)
			if cells[s.Row] == 0 || share < least[s.Row] {
				least[s.Row] = share
			}
			cells[s.Row]++
		}
	}
	doc.WriteString("\n## Freed\n\nSmallest share of freed memory that is no longer in use. Memory that an allocator retains is not in use: `native` counts without\n`allocator_retained`, `heap` and `code_cache` as the JVM reports them.\n\n")
	head(doc, "row", "at least", "cells with a known value")
	for _, name := range slices.Sorted(maps.Keys(least)) {
		row(doc, "`"+name+"`", fmt.Sprintf("%.0f %%", 100*least[name]), fmt.Sprint(cells[name]))
	}
}

func writeSettings(doc *strings.Builder, all []result.Result) {
	type line struct{ setting, how string }
	texts := make(map[line]*[3]string)
	var lines []line
	for i, r := range all {
		if r.Cell == nil || r.Cell.Setting == "" {
			continue
		}
		l := line{r.Cell.Setting, fmt.Sprintf("JDK %s, %s, NMT %s", r.Cell.JDK, r.Cell.Collector, r.Cell.NMT)}
		if texts[l] == nil {
			texts[l] = new([3]string)
			lines = append(lines, l)
		}
		texts[l][r.Cell.CgroupVersion] = all[i].Text()
	}
	doc.WriteString("\n## Settings\n\nLargest error of any row / largest unattributed size, in MiB (-: a row is unknown).\n\n")
	head(doc, "setting", "with", "v1", "v2")
	for _, l := range lines {
		row(doc, l.setting, l.how, texts[l][1], texts[l][2])
	}
}

func writeScenarios(doc *strings.Builder, all []result.Result) {
	engines := make(map[string][]string)
	for _, r := range all {
		if r.Cell == nil {
			host, unit, _ := strings.Cut(r.Unit, "/")
			engine, name, _ := strings.Cut(unit, "/")
			engines[name] = append(engines[name], engine+" ("+host+")")
		}
	}
	doc.WriteString("\n## Scenarios\n\nPassed in pods:\n\n")
	head(doc, "scenario", "engines")
	for _, name := range slices.Sorted(maps.Keys(engines)) {
		row(doc, strings.ReplaceAll(name, "_", " "), strings.Join(engines[name], ", "))
	}
}

// worst returns the step with the largest error; nil if there is none.
func worst(steps []result.Step) *result.Step {
	var grown []*result.Step
	for i := range steps {
		if steps[i].Want > 0 {
			grown = append(grown, &steps[i])
		}
	}
	if len(grown) == 0 {
		return nil
	}
	return slices.MaxFunc(grown, func(a, b *result.Step) int { return cmp.Compare(a.Error(), b.Error()) })
}
