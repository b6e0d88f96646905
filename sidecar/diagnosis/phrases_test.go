package diagnosis

import (
	"testing"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestPhrases: a verdict of the table has a phrase and advice.
func TestPhrases(t *testing.T) {
	for _, v := range rows.Leaks() {
		if Phrase(v) == "" || len(Next(v, "", &breakdown.JVM{PID: 7})) == 0 {
			t.Errorf("%s: phrase %q, next %q", v, Phrase(v), Next(v, "", nil))
		}
	}
	for _, v := range []rows.Verdict{rows.VerdictBudget, rows.VerdictPageCache, rows.VerdictNone} {
		if Phrase(v) == "" {
			t.Errorf("%s has no phrase", v)
		}
	}
}
