package diagnosis

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/jvm/evidence/owners"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// leading is the share of the growth from which on one owner is that of the leak.
const leading = 0.5

// maxNamedLibraries is how many libraries a sentence lists.
const maxNamedLibraries = 6

// OwnersOf returns what is known about the owners of native memory, of each JVM that was
// looked at, the latest look first.
func (d *Diagnosis) OwnersOf() []*owners.Report {
	var all []*owners.Report
	add := func(g *Gathered) {
		if g != nil {
			all = append(all, g.Owners...)
		}
	}
	for i := range d.Findings {
		add(d.Findings[i].Gathered)
	}
	for i := range d.Incidents {
		add(d.Incidents[i].Gathered)
	}
	slices.SortStableFunc(all, func(a, b *owners.Report) int { return b.Time.Compare(a.Time) })
	seen := make(map[int]bool)
	return slices.DeleteFunc(all, func(r *owners.Report) bool {
		before := seen[r.PID]
		seen[r.PID] = true
		return before
	})
}

// NameCause adds the direct cause to the summary, once the evidence for the first finding has
// it: whose native memory grows, or the line of code that leaks. It reports whether there is one.
func (d *Diagnosis) NameCause() (named bool) {
	g := d.gathered()
	if line := d.Line(); line != "" { // first: where it is cut, as in the chart, it remains
		first := Phrase(d.Verdict, d.Subject) + ", "
		d.Summary = strings.Replace(d.Summary, first, first+line+"; ", 1)
		named = true
	}
	if report, owner := leadingOwner(g.Owners); owner != nil {
		d.nameOwner(report, owner)
		named = named || owner.Name() != ""
	}
	return named
}

// DirectCause says whose native memory leaks, or which line of code leaks; "": it is not known.
func (d *Diagnosis) DirectCause() string {
	var all []string
	if _, owner := leadingOwner(d.gathered().Owners); owner != nil && owner.Name() != "" {
		all = append(all, "owned by "+owner.Name())
	}
	if line := d.Line(); line != "" {
		all = append(all, line)
	}
	return strings.Join(all, ", ")
}

// Line says which line of code the leak of the verdict comes from; "": it is not known.
func (d *Diagnosis) Line() string {
	for _, c := range d.gathered().Causes {
		if line := c.Sentence(); line != "" {
			return strings.TrimSuffix(line, ": "+d.Subject) // which is said before
		}
	}
	return ""
}

// gathered is the evidence for the verdict, empty if there is none.
func (d *Diagnosis) gathered() *Gathered {
	if len(d.Findings) == 0 || d.Findings[0].Gathered == nil || d.Findings[0].Verdict != d.Verdict {
		return &Gathered{}
	}
	return d.Findings[0].Gathered
}

func (d *Diagnosis) nameOwner(report *owners.Report, owner *owners.Owner) {
	name := owner.Name()
	sentence := strings.TrimPrefix(owner.Sentence(true), name+": ")
	if name != "" && d.Verdict != rows.VerdictDirectBuffers { // the phrase says more of these
		d.Summary = strings.Replace(d.Summary, phrases[d.Verdict], name+" leaks native memory", 1)
	} else if name != "" {
		sentence = name + ": " + sentence
	}
	if n := min(len(report.Libraries), maxNamedLibraries); name == "" && n > 0 {
		sentence += "; third-party libraries loaded: " + strings.Join(report.Libraries[:n], ", ")
	}
	d.Summary += "; " + sentence
}

// leadingOwner returns the owner of most of the growth of the JVM that grew most; nil: no
// owner has half of it.
func leadingOwner(reports []*owners.Report) (*owners.Report, *owners.Owner) {
	if len(reports) == 0 {
		return nil, nil
	}
	most := slices.MaxFunc(reports, func(a, b *owners.Report) int {
		return cmp.Compare(a.Growth.ResidentBytes, b.Growth.ResidentBytes)
	})
	if most.Since == nil || len(most.Owners) == 0 || most.Owners[0].Share < leading {
		return nil, nil
	}
	return most, &most.Owners[0]
}
