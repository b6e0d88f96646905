package diagnosis

import (
	"slices"
	"testing"

	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestTracker: a verdict is told when it is given twice in a row, and not again.
func TestTracker(t *testing.T) {
	leak := func(subject string) Diagnosis { return Diagnosis{Verdict: rows.VerdictThreads, Subject: subject} }
	none, early := Diagnosis{Verdict: rows.VerdictNone}, Diagnosis{Verdict: rows.VerdictNotEnoughHistory}
	var tracker Tracker
	var changes []Change
	for _, d := range []Diagnosis{
		early, early, none, none, // nothing to tell
		leak("a"), none, leak("a"), leak("a"), leak("a"), // once it lasts
		leak("b"), leak("a"), leak("a"), // for a moment
		leak("b"), leak("b"), leak("b"),
		{Verdict: rows.VerdictBudget}, {Verdict: rows.VerdictBudget},
		none, {Verdict: rows.VerdictBudget}, none, none, early, none,
		leak("b"), leak("b"),
	} {
		changes = append(changes, tracker.Update(&d))
	}
	want := []Change{
		"", "", "", "",
		"", "", "", Appeared, "",
		"", "", "",
		"", Changed, "",
		"", Changed,
		"", "", "", Cleared, "", "",
		"", Appeared,
	}
	if !slices.Equal(changes, want) {
		t.Errorf("%q\nwant\n%q", changes, want)
	}
}
