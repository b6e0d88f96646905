package ranges_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// readMappings returns the mappings of a captured JVM.
func readMappings(t testing.TB, path string) []pages.Mapping {
	t.Helper()
	var reader pages.Reader
	var all []pages.Mapping
	if err := reader.Read(bytes.NewReader(jvmtest.Capture(t, path)), func(m *pages.Mapping) { all = append(all, *m) }); err != nil {
		t.Fatal(err)
	}
	return all
}

// detailed is a captured JVM with NMT detail.
type detailed struct {
	jdk      string
	report   *nmt.Report
	mappings []pages.Mapping
}

func readDetailed(t testing.TB) []detailed {
	t.Helper()
	var all []detailed
	for _, path := range jvmtest.Captures(t, "../nmt/testdata/jdk*/g1-nmtdetail/detail.txt.gz", 8) {
		d := detailed{jdk: filepath.Base(filepath.Dir(filepath.Dir(path)))}
		var err error
		if d.report, err = nmt.Parse(jvmtest.CaptureText(t, path)); err != nil {
			t.Fatal(err)
		}
		d.mappings = readMappings(t, "../pages/testdata/"+d.jdk+"/g1-nmtdetail/smaps.txt.gz")
		all = append(all, d)
	}
	return all
}

func within(list []ranges.Range, m *pages.Mapping) bool {
	i := ranges.Find(list, m.Start)
	return i < len(list) && list[i].Start < m.End
}

// TestStacksMatchNMT: the mappings that look like stacks are those that
// NMT's map calls thread stacks, none more and none less.
func TestStacksMatchNMT(t *testing.T) {
	for _, d := range readDetailed(t) {
		jdk, mappings := d.jdk, d.mappings
		var stacks []ranges.Range
		for _, r := range d.report.Regions {
			if r.Kind == ranges.Stack {
				stacks = append(stacks, r)
			}
		}
		found := stacksOf(mappings)
		var want, marked, guarded int64
		for i := range mappings {
			m := &mappings[i]
			if !m.Anonymous() || m.Perm != pages.Read|pages.Write {
				continue
			}
			isStack := within(stacks, m)
			if isStack != within(found, m) && m.AnonymousBytes > 0 {
				t.Errorf("%s: %x-%x, %d bytes: stack %v by NMT, %v by its shape", jdk, m.Start, m.End, m.AnonymousBytes, isStack, !isStack)
			}
			if isStack {
				want += m.AnonymousBytes
			}
			if within(found, m) {
				marked += m.AnonymousBytes
			}
		}
		// An older kernel does not mark them. Stacks of native threads, with the
		// guards of glibc 2.43 inside, are then missing.
		for i := range mappings {
			mappings[i].Flags &^= pages.NoHuge
		}
		found = stacksOf(mappings)
		for i := range mappings {
			if within(found, &mappings[i]) {
				guarded += mappings[i].AnonymousBytes
			}
		}
		if marked != want || guarded > want || guarded < want*9/10 {
			t.Errorf("%s: %d bytes in marked mappings, %d above guards, NMT's stacks hold %d", jdk, marked, guarded, want)
		}
	}
}

// stacksOf returns the stacks in mappings of which no source reports anything.
func stacksOf(mappings []pages.Mapping) []ranges.Range {
	none := func([]ranges.Range, []int64) ([]ranges.Range, error) { return nil, nil }
	m := new(ranges.Reported).Map(mappings, 4096, none, none)
	return slices.DeleteFunc(m.Ranges, func(r ranges.Range) bool { return r.Kind != ranges.Stack })
}
