package smaps

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// captures returns the folders of the captured JVMs, one for each JDK and collector.
func captures(t testing.TB) []string {
	t.Helper()
	dirs, err := filepath.Glob("testdata/jdk*/*")
	if err != nil || len(dirs) != 68 {
		t.Fatalf("%d captures, want 68 (%v)", len(dirs), err)
	}
	return dirs
}

// capture returns the smaps of one.
func capture(t testing.TB, dir string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "smaps.txt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// read returns all mappings that were yielded, also before an error.
func read(text []byte) ([]Mapping, error) {
	var reader Reader
	var all []Mapping
	err := reader.Read(bytes.NewReader(text), func(m *Mapping) { all = append(all, *m) })
	return all, err
}
