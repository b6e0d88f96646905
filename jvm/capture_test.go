package jvm

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/pages"
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

// detailed is a captured JVM of which NMT tells each range.
type detailed struct {
	jdk      string
	report   *nmt.Report
	mappings []pages.Mapping
}

func readDetailed(t testing.TB) []detailed {
	t.Helper()
	var all []detailed
	for _, path := range jvmtest.Captures(t, "nmt/testdata/jdk*/g1-nmtdetail/detail.txt.gz", 8) {
		d := detailed{jdk: filepath.Base(filepath.Dir(filepath.Dir(path)))}
		var err error
		if d.report, err = nmt.Parse(jvmtest.CaptureText(t, path)); err != nil {
			t.Fatal(err)
		}
		d.mappings = readMappings(t, "pages/testdata/"+d.jdk+"/g1-nmtdetail/smaps.txt.gz")
		all = append(all, d)
	}
	return all
}
