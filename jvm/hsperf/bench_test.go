package hsperf

import (
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// BenchmarkParse includes the Summary: a sample takes both.
func BenchmarkParse(b *testing.B) {
	file := jvmtest.Capture(b, "testdata/jdk17/g1/hsperfdata.bin.gz")
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		data, err := Parse(file)
		if err != nil {
			b.Fatal(err)
		}
		data.Summary()
	}
}
