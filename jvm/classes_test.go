package jvm

import (
	"testing"

	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/vmstructs"
)

// TestClassesShow: what could have moved metaspace makes another look necessary.
func TestClassesShow(t *testing.T) {
	answers := func(loaded, unloaded, reserved int64) *Answers {
		return &Answers{loaded: &loaded, unloaded: &unloaded, Facts: Facts{
			Report: &nmt.Report{Categories: []nmt.Category{{Name: "Class", MmapReservedBytes: reserved}}},
		}}
	}
	untracked := func(loaded int64) *Answers {
		a := answers(loaded, 20, 0)
		a.Facts.Report = nil
		return a
	}
	renewing := answers(3000, 20, 1<<30)
	renewing.renew = true
	for _, c := range []struct {
		name      string
		then, now *Answers
		want      bool
	}{
		{"nothing was loaded", answers(3000, 20, 1<<30), answers(3000, 20, 1<<30), true},
		{"some classes more", answers(3000, 20, 1<<30), answers(3000+fewClasses, 20, 1<<30), true},
		{"many more", answers(3000, 20, 1<<30), answers(3001+fewClasses, 20, 1<<30), false},
		{"one was unloaded", answers(3000, 20, 1<<30), answers(3000, 21, 1<<30), false},
		{"more is reserved", answers(3000, 20, 1<<30), answers(3001, 20, 1<<30+2<<20), false},
		{"all is read again", answers(3000, 20, 1<<30), renewing, false},
		{"NMT is off, nothing was loaded", untracked(3000), untracked(3000), true},
		{"NMT is off, one was loaded", untracked(3000), untracked(3001), false},
		{"not known", answers(3000, 20, 1<<30), &Answers{}, false},
		{"never known", &Answers{}, &Answers{}, false},
	} {
		known := classes{found: vmstructs.Metadata{Classes: []uint64{1}}}
		known.at, _ = c.then.classCounts()
		if got := known.show(c.now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if none := (&classes{}); none.show(answers(0, 0, 0)) {
		t.Error("nothing was found, and it is not looked for")
	}
}
