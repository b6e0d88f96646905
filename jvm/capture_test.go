package jvm

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/smaps"
)

// read returns a capture; those that end in .gz unpacked.
func read(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// glob returns as many paths as are expected.
func glob(t testing.TB, pattern string, want int) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) != want {
		t.Fatalf("%d files %s, want %d (%v)", len(paths), pattern, want, err)
	}
	return paths
}

// readMappings returns the mappings of a captured JVM.
func readMappings(t testing.TB, path string) []smaps.Mapping {
	t.Helper()
	var reader smaps.Reader
	var all []smaps.Mapping
	if err := reader.Read(bytes.NewReader(read(t, path)), func(m *smaps.Mapping) { all = append(all, *m) }); err != nil {
		t.Fatal(err)
	}
	return all
}
