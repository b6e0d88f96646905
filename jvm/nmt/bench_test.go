package nmt

import (
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

func BenchmarkParse(b *testing.B) {
	for _, of := range []struct{ name, path string }{
		{"summary", "testdata/jdk17/g1/summary.txt"},
		{"detail", "testdata/jdk17/g1-nmtdetail/detail.txt.gz"},
	} {
		b.Run(of.name, func(b *testing.B) {
			text := jvmtest.CaptureText(b, of.path)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
