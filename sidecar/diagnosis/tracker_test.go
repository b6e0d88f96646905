package diagnosis

import (
	"slices"
	"testing"
)

// TestTracker: a verdict is told when it is given twice in a row, and not again.
func TestTracker(t *testing.T) {
	leak := func(subject string) Diagnosis { return Diagnosis{Verdict: Threads, Subject: subject} }
	none, early := Diagnosis{Verdict: None}, Diagnosis{Verdict: NotEnoughHistory}
	var tracker Tracker
	var changes []Change
	for _, d := range []Diagnosis{
		early, early, none, none, // nothing to tell
		leak("a"), none, leak("a"), leak("a"), leak("a"), // once it lasts
		leak("b"), leak("a"), leak("a"), // for a moment
		leak("b"), leak("b"), leak("b"),
		{Verdict: Budget}, {Verdict: Budget},
		none, {Verdict: Budget}, none, none, early, none,
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
