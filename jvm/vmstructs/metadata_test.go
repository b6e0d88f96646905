package vmstructs

import (
	"errors"
	"testing"

	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// TestMetadata compares where classes are found with where the JVM says that
// metaspace is.
func TestMetadata(t *testing.T) {
	for _, cds := range []string{"-Xshare:auto", "-Xshare:off"} {
		t.Run(cds, func(t *testing.T) {
			j := startJVM(t, 2, "-XX:+UseSerialGC", cds)
			nodes, usage, err := dcmd.ParseMetaspace(j.jcmd(t, "VM.metaspace", "show-loaders=false", "vslist=true"))
			if err != nil {
				t.Fatal(err)
			}
			r, err := Open(Options{PID: j.pid, Base: mappedAt(t, j.pid, "libjvm.so"), Metadata: true})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			got, err := r.Metadata(100_000)
			if err != nil {
				t.Fatal(err)
			}
			known := ranges.Merge(read1(t, r).Ranges, nodes)
			count := func(addresses []uint64, kind ranges.Kind) (inside int) {
				for _, addr := range addresses {
					i := ranges.Find(known, addr)
					switch {
					case i == len(known) || known[i].Start > addr:
						t.Errorf("%v at %#x is in no range", kind, addr)
					case known[i].Kind == kind:
						inside++
					case known[i].Kind != ranges.CDS:
						t.Errorf("%v at %#x is in %v", kind, addr, known[i].Kind)
					}
				}
				return inside
			}
			if count(got.ConstantPools, ranges.Metaspace) == 0 || count(got.Classes, ranges.ClassSpace) == 0 {
				t.Error("no class outside of the archive")
			}
			// Hidden and array classes are counted too, by one of both.
			if n := int64(len(got.Classes)); n < *usage.Classes*9/10 {
				t.Errorf("%d classes, the JVM has %d", n, *usage.Classes)
			}
			few, err := r.Metadata(10)
			if err != nil || len(few.Classes) != 10 {
				t.Errorf("%d classes with a limit of 10: %v", len(few.Classes), err)
			}
		})
	}
}

func TestMetadataNotPrepared(t *testing.T) {
	j := startJVM(t, 1)
	if _, err := j.open(t).Metadata(10); err == nil || errors.Is(err, ErrGone) {
		t.Errorf("Metadata without Options.Metadata: %v", err)
	}
}
