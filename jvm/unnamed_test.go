package jvm

import "testing"

// TestUnnamedGrew: the JVM is asked as long as memory comes up, and no more when
// what is left has no name.
func TestUnnamedGrew(t *testing.T) {
	const mib = 1 << 20
	var u unnamed
	for i, step := range []struct {
		now int64
		ask bool
	}{
		{3 * mib, false},
		{3*mib + 600<<10, false}, // a little
		{3*mib + 1200<<10, true}, // and a little more
		{3 * mib, false},         // it had a name
		{9 * mib, true},
		{20 * mib, true}, // more came while it was asked
		{20 * mib, false},
		{20 * mib, false},
		{5 * mib, false}, // freed
		{7 * mib, true},
		{5*mib + 900<<10, false}, // it had a name
		{10 * mib, true},
		{9 * mib, true}, // that had a name, and other memory came up meanwhile
		{5*mib + 900<<10, false},
	} {
		if ask := u.grew(step.now); ask != step.ask {
			t.Errorf("step %d, %d MiB: ask %v, want %v", i, step.now>>20, ask, step.ask)
		}
	}
}
