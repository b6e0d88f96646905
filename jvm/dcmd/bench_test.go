package dcmd

import (
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

func BenchmarkParse(b *testing.B) {
	for _, of := range []struct {
		name, file string
		parse      func(text string) error
	}{
		{"VM.info", "vm_info.txt.gz", func(text string) error { _, err := ParseVMInfo(text); return err }},
		{"VM.metaspace", "metaspace_vslist.txt.gz", func(text string) error { _, _, err := ParseMetaspace(text); return err }},
		{"VM.metaspace_basic", "metaspace_basic.txt", func(text string) error { _, err := ParseMetaspaceBasic(text); return err }},
		{"Compiler.codecache", "codecache.txt", func(text string) error { _, err := ParseCodeCache(text); return err }},
		{"GC.heap_info", "heap_info.txt", func(text string) error { _, err := ParseHeapInfo(text); return err }},
	} {
		b.Run(of.name, func(b *testing.B) {
			text := jvmtest.CaptureText(b, "testdata/jdk17/g1/"+of.file)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if err := of.parse(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
