package diagnosis

import "github.com/jvmem/jvmem/sidecar/rows"

// Change is what became of a verdict.
type Change string

// The changes. "" is none.
const (
	Appeared Change = "verdict_appeared"
	Changed  Change = "verdict_changed"
	Cleared  Change = "verdict_cleared"
)

// settle is how often in a row a verdict must be given to be told: at the edge of
// what counts it would come and go.
const settle = 2

// Tracker tells when a container's verdict appears, changes and clears. The zero
// value has seen none.
type Tracker struct {
	told, seen verdictKey
	times      int
}

type verdictKey struct {
	verdict rows.Verdict
	subject string
}

// Update takes the next diagnosis in and returns what changed.
func (t *Tracker) Update(d *Diagnosis) Change {
	now := verdictKey{d.Verdict, d.Subject}
	if d.Verdict == rows.VerdictNotEnoughHistory || d.Verdict == rows.VerdictNone {
		now = verdictKey{}
	}
	if now != t.seen {
		t.seen, t.times = now, 0
	}
	t.times++
	if now == t.told || t.times < settle {
		return ""
	}
	before := t.told
	t.told = now
	switch {
	case before == verdictKey{}:
		return Appeared
	case now == verdictKey{}:
		return Cleared
	}
	return Changed
}
