package diagnosis

import (
	"slices"
	"strings"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// notObservable: the JVM's mappings cannot be read, and none of its own rows is known. Then
// no leak can be found, and that none was found means nothing.
func (j *judge) notObservable() (Finding, bool) {
	if !slices.ContainsFunc(j.c.Sources, func(s jvm.Source) bool { return s.Name == jvm.SourceSmaps }) {
		return Finding{}, false // a JVM that is starting, for one
	}
	for _, row := range []rows.Name{rows.Heap, rows.Metaspace, rows.Threads, rows.CodeCache, rows.Native} {
		if !slices.Contains(j.c.Missing, string(row)) {
			return Finding{}, false
		}
	}
	f := Finding{Verdict: rows.VerdictNotObservable}
	for _, name := range []string{jvm.SourceAttach, jvm.SourceSmaps, jvm.SourceVMStructs, jvm.SourceHsperf} {
		for _, s := range j.c.Sources {
			if s.Name != name {
				continue
			}
			f.Evidence = append(f.Evidence, strings.ReplaceAll(s.Name, "_", " ")+": "+s.Reason)
			if s.Fix != "" && (name == jvm.SourceSmaps || len(f.Next) == 0) {
				f.Next = []string{s.Fix} // the others say the same
			}
		}
	}
	f.Evidence = append(f.Evidence, "unknown rows: "+strings.Join(j.c.Missing, ", "))
	if len(f.Next) == 0 {
		f.Next = Next(rows.VerdictUnexplained, "", nil)
	}
	return f, true
}
