package jvmtest

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Capture returns a reply of a real JVM, or of the kernel: a file below testdata,
// unpacked if its name ends in .gz.
func Capture(tb testing.TB, path string) []byte {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			tb.Fatal(err)
		}
	}
	b, err := io.ReadAll(r)
	if err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	return b
}

// CaptureText returns the same as text.
func CaptureText(tb testing.TB, path string) string {
	tb.Helper()
	return string(Capture(tb, path))
}

// Captures returns the paths that match the pattern. A test fails unless there
// are as many as it wants, so that none is left out unnoticed.
func Captures(tb testing.TB, pattern string, want int) []string {
	tb.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		tb.Fatal(err)
	}
	if len(paths) != want {
		tb.Fatalf("%d files %s, want %d", len(paths), pattern, want)
	}
	return paths
}
