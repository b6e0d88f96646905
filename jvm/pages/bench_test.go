package pages

import (
	"bytes"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// BenchmarkRead parses the smaps of one JVM again and again with one Reader,
// as a sampler does.
func BenchmarkRead(b *testing.B) {
	text := jvmtest.Capture(b, "testdata/jdk17/g1/smaps.txt.gz")
	var reader Reader
	src := bytes.NewReader(nil)
	mappings := 0
	read := func() {
		mappings = 0
		src.Reset(text)
		if err := reader.Read(src, func(*Mapping) { mappings++ }); err != nil {
			b.Fatal(err)
		}
	}
	read() // learns the paths
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		read()
	}
	b.ReportMetric(float64(mappings), "mappings")
}
