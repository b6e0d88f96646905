package cause

import (
	"bytes"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

func BenchmarkFind(b *testing.B) {
	for kind, name := range map[Kind]string{Threads: "threads", ClassLoader: "classes", Heap: "heap", Zip: "zip"} {
		recording := jvmtest.Capture(b, captures+"jdk25/"+name+".jfr.gz")
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(recording)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Find(bytes.NewReader(recording), int64(len(recording)), kind, Known{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
