package owners

import (
	"fmt"
	"slices"
	"strings"
)

// Lines describes the report for people, in one line each.
func (r *Report) Lines() []string {
	what := "in use"
	if r.Since != nil {
		what = "new since " + r.Since.UTC().Format("15:04 MST")
	}
	lines := []string{"native memory " + what + ": " + r.Growth.text()}
	named := true
	for i := range r.Owners {
		named = named && r.Owners[i].Relation != NotNamed
		lines = append(lines, "  "+r.Owners[i].Sentence(r.Since != nil))
	}
	if r.Other.Blocks > 0 {
		lines = append(lines, "  others: "+r.Other.text())
	}
	if !named && len(r.Libraries) > 0 {
		lines = append(lines, "third-party libraries loaded: "+strings.Join(slices.Sorted(slices.Values(r.Libraries)), ", "))
	}
	if !r.Complete {
		lines = append(lines, "not all native memory was seen: "+r.Reason)
	}
	return lines
}

func (a Amount) text() string {
	noun := "blocks"
	if a.Blocks == 1 {
		noun = "block"
	}
	return fmt.Sprintf("%s in %s %s, %s of it resident", size(a.Bytes), grouped(a.Blocks), noun, size(a.ResidentBytes))
}

func size(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
