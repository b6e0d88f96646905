package owners

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Text describes the report for a terminal.
func (r *Report) Text() string {
	return fmt.Sprintf("JVM %d at %s\n%s\n", r.PID, r.Time.UTC().Format(time.RFC3339), strings.Join(r.Lines(), "\n"))
}

// Lines describes the report for people, in one line each. Those of owners begin with their
// resident size.
func (r *Report) Lines() []string {
	what := "in use"
	if r.Since != nil {
		what = fmt.Sprintf("new in %s, since %s", r.Time.Sub(*r.Since).Round(time.Second), r.Since.UTC().Format("15:04 MST"))
	}
	lines := []string{"native memory " + what + ": " + r.Growth.text()}
	owned := func(a Amount, text string) {
		lines = append(lines, fmt.Sprintf("%12s  %s", size(a.ResidentBytes), text))
	}
	named := true
	for i := range r.Owners {
		o := &r.Owners[i]
		named = named && o.Relation != NotNamed
		owned(o.Amount, o.Sentence(r.Since != nil))
	}
	if r.Other.ResidentBytes > 0 {
		owned(r.Other, counted(r.Other.Blocks, "other block"))
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
	return fmt.Sprintf("%s in %s, %s of it resident", size(a.Bytes), counted(a.Blocks, "block"), size(a.ResidentBytes))
}

func size(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
