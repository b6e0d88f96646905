package vmstructs

import "testing"

// TestMetadataCache: what could have moved metaspace makes another look necessary.
func TestMetadataCache(t *testing.T) {
	counts := func(loaded, unloaded, reserved int64) *ClassCounts { return &ClassCounts{loaded, unloaded, reserved} }
	for _, c := range []struct {
		name      string
		then, now *ClassCounts
		want      bool
	}{
		{"nothing was loaded", counts(3000, 20, 1<<30), counts(3000, 20, 1<<30), true},
		{"some classes more", counts(3000, 20, 1<<30), counts(3000+fewClasses, 20, 1<<30), true},
		{"many more", counts(3000, 20, 1<<30), counts(3001+fewClasses, 20, 1<<30), false},
		{"one was unloaded", counts(3000, 20, 1<<30), counts(3000, 21, 1<<30), false},
		{"more is reserved", counts(3000, 20, 1<<30), counts(3001, 20, 1<<30+2<<20), false},
		{"NMT is off, nothing was loaded", counts(3000, 20, 0), counts(3000, 20, 0), true},
		{"NMT is off, one was loaded", counts(3000, 20, 0), counts(3001, 20, 0), false},
		{"not known", counts(3000, 20, 1<<30), nil, false},
		{"never known", nil, nil, false},
	} {
		known := MetadataCache{found: Metadata{Classes: []uint64{1}}, at: c.then}
		if got := known.shows(c.now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if none := (MetadataCache{at: counts(0, 0, 0)}); none.shows(counts(0, 0, 0)) {
		t.Error("nothing was found, and it is not looked for")
	}

	j := startJVM(t, 2)
	r, err := Open(Options{PID: j.pid, Base: j.base, Metadata: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	now := counts(3000, 20, 1<<30)
	var c MetadataCache
	if first := c.Find(r, now, false); len(first.Classes) < 100 || len(first.ConstantPools) < 100 {
		t.Errorf("%d classes, %d constant pools", len(first.Classes), len(first.ConstantPools))
	}
	c.found.Classes = c.found.Classes[:1]
	if again := c.Find(r, now, false); len(again.Classes) != 1 {
		t.Error("it looked again, though nothing had changed")
	}
	if renewed := c.Find(r, now, true); len(renewed.Classes) < 100 {
		t.Error("it did not look again when all is renewed")
	}
}
